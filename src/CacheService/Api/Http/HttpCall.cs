using System.Numerics;
using System.Text;
using CacheService.Api.Messages;
using CacheService.Reading;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Net.Http.Headers;
using TweetCounts.V1;

namespace CacheService.Api.Http;

/// <summary>A request of the HTTP API, in the terms of the messages and the reads; and its answer.</summary>
internal sealed class HttpCall : IDisposable
{
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromHours(1);

    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithFormatDefaultValues(true));

    private readonly IQueryCollection _query;
    private readonly CancellationTokenSource? _late;
    private readonly CancellationTokenSource? _ended;

    /// <exception cref="ReadRefusedException">The query has what the route does not have, or a timeout that is none.</exception>
    public HttpCall(HttpContext context, HttpRoute route, TimeProvider time)
    {
        Context = context;
        _query = context.Request.Query;
        HttpQuery.RequireKnown(_query, route.Parameters.Where(parameter => parameter.Place == HttpParameterPlace.Query).Select(parameter => parameter.Name));
        if (Requests.Timeout(HttpQuery.Time(_query, HttpParameter.Timeout.Name), LongestTimeout) is { } timeout)
        {
            Deadline = time.GetUtcNow().UtcDateTime + timeout;
            _late = new CancellationTokenSource(timeout, time);
            _ended = CancellationTokenSource.CreateLinkedTokenSource(_late.Token, context.RequestAborted);
        }
    }

    public HttpContext Context { get; }

    /// <summary>When the caller gives up, in UTC; or <see cref="ReadDeadline.None"/>.</summary>
    public DateTime Deadline { get; } = ReadDeadline.None;

    /// <summary>The caller has gone, or its time is over.</summary>
    public CancellationToken Cancelled => _ended?.Token ?? Context.RequestAborted;

    /// <summary>Whether the caller's time is over.</summary>
    public bool IsLate => _late?.IsCancellationRequested == true;

    /// <summary>Who calls, for the log.</summary>
    public string Caller => Context.User.Identity?.Name is { Length: > 0 } name ? name : Context.Connection.RemoteIpAddress?.ToString() ?? "";

    /// <summary>The message in the path.</summary>
    public long MessageId => PathNumber("id");

    /// <summary>A number in the path.</summary>
    public long PathNumber(string name) => HttpQuery.Number<long>(name, PathText(name));

    /// <summary>A text in the path.</summary>
    public string PathText(string name) => (string)Context.Request.RouteValues[name]!;

    /// <summary>A number in the query; 0 where there is none.</summary>
    public T Number<T>(string name)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T> => Text(name) is { } text ? HttpQuery.Number<T>(name, text) : default;

    /// <summary>The messages in the query.</summary>
    public IEnumerable<long> MessageIds => HttpQuery.Numbers(_query, HttpParameter.Ids.Name);

    /// <inheritdoc cref="HttpQuery.Text"/>
    public string? Text(string name) => HttpQuery.Text(_query, name);

    /// <inheritdoc cref="HttpQuery.Flag"/>
    public bool Flag(string name) => HttpQuery.Flag(_query, name);

    /// <inheritdoc cref="HttpQuery.Time"/>
    public Duration? Time(string name) => HttpQuery.Time(_query, name);

    /// <inheritdoc cref="HttpQuery.OneOf"/>
    public T OneOf<T>(string name, params (string Name, T Value)[] all) => HttpQuery.OneOf(_query, name, all);

    /// <summary>What the query asks for of a read.</summary>
    public ReadTerms Terms()
    {
        var options = new ReadOptions
        {
            Source = OneOf("source", ("cache", ReadSource.Cache), ("database", ReadSource.Database)),
        };
        var asked = ((string[])["strong", "max_age", "at_least_xid"]).Where(_query.ContainsKey).ToList();
        switch (asked)
        {
            case ["strong"]:
                options.Strong = Flag("strong");
                break;
            case ["max_age"]:
                options.MaxAge = Time("max_age");
                break;
            case ["at_least_xid"]:
                options.AtLeastXid = HttpQuery.Number<ulong>("at_least_xid", Text("at_least_xid")!);
                break;
            case [var one, var other, ..]:
                throw ReadRefusedException.BadRequest($"{one} and {other} are both set; choose one");
        }

        return Terms(options);
    }

    /// <summary>What a message asks for of a read.</summary>
    public ReadTerms Terms(ReadOptions? options) => Requests.Terms(options) with { Deadline = Deadline, Cancelled = Cancelled };

    /// <summary>The message in the body.</summary>
    public async Task<T> ReadBodyAsync<T>()
        where T : IMessage<T>, new() => Parse<T>(await ReadTextAsync());

    /// <summary>The message in the body; an empty one where there is no body.</summary>
    public async Task<T> ReadBodyOrNoneAsync<T>()
        where T : IMessage<T>, new() => await ReadTextAsync() is { Length: > 0 } json ? Parse<T>(json) : new T();

    /// <summary>Answers with a message.</summary>
    public Task AnswerAsync(IMessage message)
    {
        Context.Response.ContentType = "application/json";
        Context.Response.Headers.CacheControl = "no-cache";
        return Context.Response.WriteAsync($"{ToJson(message)}\n", Cancelled);
    }

    /// <summary>Answers with counts, or says that the caller has them.</summary>
    /// <param name="message">The answer.</param>
    /// <param name="freshness">What it is of. Where that is not LIVE, nobody is told that what he has is right.</param>
    /// <param name="revision">The last revision that changed something of it.</param>
    public Task AnswerAsync(IMessage message, Freshness freshness, ulong revision)
    {
        if (freshness is not { State: FeedState.Live, Epoch.Length: > 0 })
        {
            return AnswerAsync(message);
        }

        var tag = new EntityTagHeaderValue($"\"{freshness.Epoch}-{revision}\"", isWeak: true);
        Context.Response.Headers.ETag = tag.ToString();
        if (!Context.Request.GetTypedHeaders().IfNoneMatch.Any(known => known == EntityTagHeaderValue.Any || known.Compare(tag, useStrongComparison: false)))
        {
            return AnswerAsync(message);
        }

        Context.Response.StatusCode = StatusCodes.Status304NotModified;
        Context.Response.Headers.CacheControl = "no-cache";
        return Task.CompletedTask;
    }

    /// <summary>A message in protobuf's own JSON, on one line, with its zeros.</summary>
    public static string ToJson(IMessage message) => Formatter.Format(message);

    public void Dispose()
    {
        _ended?.Dispose();
        _late?.Dispose();
    }

    private async Task<string> ReadTextAsync()
    {
        using var reader = new StreamReader(Context.Request.Body, Encoding.UTF8);
        return await reader.ReadToEndAsync(Cancelled);
    }

    private static T Parse<T>(string json)
        where T : IMessage<T>, new()
    {
        try
        {
            return JsonParser.Default.Parse<T>(json);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidJsonException or FormatException or OverflowException)
        {
            throw ReadRefusedException.BadRequest($"the body is no {typeof(T).Name} in JSON: {e.Message}");
        }
    }
}
