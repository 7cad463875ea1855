using System.ComponentModel.DataAnnotations;
using System.Reflection;
using CacheService.Settings;
using DescriptionAttribute = System.ComponentModel.DescriptionAttribute;
using RangeAttribute = System.ComponentModel.DataAnnotations.RangeAttribute;

namespace CacheService.Tests.Settings;

/// <summary>Every option has a line of documentation, a range where it can have one, and a default that lies in it.</summary>
internal sealed class OptionsTests
{
    private static IEnumerable<PropertyInfo> Options => SettingsHelp.Sections.SelectMany(section => OptionsOf(section.Options));

    [TestCaseSource(nameof(Options))]
    public void Option_Always_IsDocumentedAndBounded(PropertyInfo option)
    {
        Assert.That(option.GetCustomAttribute<DescriptionAttribute>()?.Description, Is.Not.Null.And.EndsWith("."), "a line of documentation");
        Assert.That(option.GetCustomAttributes().Any(attribute => attribute is RangeAttribute or StringLengthAttribute or MaxLengthAttribute or EnumDataTypeAttribute) || option.PropertyType == typeof(bool), "a range");
        Assert.That(SettingsHelp.Text, Does.Contain(option.Name));
    }

    [Test]
    public void Defaults_OfEverySection_AreValid()
    {
        foreach (var (section, type) in SettingsHelp.Sections)
        {
            var defaults = Activator.CreateInstance(type)!;
            var results = new List<ValidationResult>();
            Assert.That(Validator.TryValidateObject(defaults, new ValidationContext(defaults), results, validateAllProperties: true), Is.True, $"{section}: {string.Join(", ", results)}");
        }
    }

    private static IEnumerable<PropertyInfo> OptionsOf(Type options)
    {
        var own = options.GetProperties(BindingFlags.Public | BindingFlags.Instance);
        return own.Concat(own.Select(SettingsKeys.ItemsOf).OfType<Type>().SelectMany(OptionsOf));
    }
}
