"""The standard health and reflection services; and a call by one who knows nothing but what reflection says."""

import sys
import threading

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from checks import check, check_error, finish
from health.v1 import health_pb2, health_pb2_grpc
from reflection.v1 import reflection_pb2

PATIENCE = 20
SERVICES = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "tweetcounts.v1.JobsService", "tweetcounts.v1.TweetCountsService"]

channel = grpc.insecure_channel(sys.argv[1])


def health():
    service = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    for name in "", "tweetcounts.v1.TweetCountsService":
        reply = service.Check(health_pb2.HealthCheckRequest(service=name), timeout=PATIENCE)
        check(f"Check of {name or 'the server'}", reply.status, serving)
    unknown = health_pb2.HealthCheckRequest(service="none")
    check_error("Check of an unknown service", lambda: service.Check(unknown, timeout=PATIENCE), grpc.StatusCode.NOT_FOUND, "none")

    statuses = service.List(health_pb2.HealthListRequest(), timeout=PATIENCE).statuses
    check("List", {name: each.status for name, each in statuses.items()}, {"": serving, "tweetcounts.v1.TweetCountsService": serving})

    watch = service.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    check("Watch of the server", next(watch).status, serving)
    watch.cancel()
    watch = service.Watch(unknown, timeout=PATIENCE)
    check("Watch of an unknown service", next(watch).status, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
    watch.cancel()


def reflect(version):
    """The one method of a version of the reflection service; the versions differ in nothing but the name."""
    return channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString)


def reflection(version):
    def ask(**request):
        return next(reflect(version)(iter([reflection_pb2.ServerReflectionRequest(**request)]), timeout=PATIENCE))

    listed = sorted(service.name for service in ask(list_services="*").list_services_response.service)
    check(f"reflection {version}: services", listed, SERVICES)
    unknown = ask(file_containing_symbol="none.None").error_response
    check(f"reflection {version}: unknown symbol", unknown.error_code, grpc.StatusCode.NOT_FOUND.value[0])

    files = {}
    for content in ask(file_containing_symbol=SERVICES[-1]).file_descriptor_response.file_descriptor_proto:
        file = descriptor_pb2.FileDescriptorProto.FromString(content)
        files[file.name] = file
    pool = descriptor_pool.DescriptorPool()

    def add(name):
        # A pool takes a file only after those that it imports.
        file = files.pop(name, None)
        if file is not None:
            for dependency in file.dependency:
                add(dependency)
            pool.AddSerializedFile(file.SerializeToString())

    for name in list(files):
        add(name)
    method = pool.FindServiceByName(SERVICES[-1]).FindMethodByName("GetCounts")
    request, response = (message_class(pool, kind) for kind in (method.input_type, method.output_type))
    call = channel.unary_unary(f"/{SERVICES[-1]}/GetCounts", request.SerializeToString, response.FromString)
    counts = call(request(message_id=3), timeout=PATIENCE).counts
    check(f"GetCounts, by reflection {version} alone", (counts.message_id, counts.retweets, counts.likes), (3, 3, 100))


def abandoned_streams():
    """Clients that go away, whether they have more to ask or not, are no fault: the test sees that the service logs no error."""
    gone = threading.Event()

    def more_to_come(first):
        yield first
        gone.wait()

    question = reflection_pb2.ServerReflectionRequest(list_services="*")
    for _ in range(200):
        for questions in iter([question]), more_to_come(question):
            stream = reflect("v1")(questions, timeout=PATIENCE)
            next(stream)
            stream.cancel()
    gone.set()
    check("reflection: abandoned streams", stream.code(), grpc.StatusCode.CANCELLED)


def message_class(pool, descriptor):
    # The second name is that of protobuf before 4.22.
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


health()
reflection("v1")
reflection("v1alpha")
abandoned_streams()
finish()
