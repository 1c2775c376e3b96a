using System.Collections.Immutable;
using System.Text.RegularExpressions;
using YamlDotNet.RepresentationModel;

namespace TestGrid.Core.Bundles;

/// <summary>What a recipe says of the last steps: <c>locale:</c>, <c>timezone:</c>, <c>slim:</c>, <c>setup:</c>.</summary>
public sealed partial class RecipeReader
{
    // As a program's argument a script has no more room.
    private const int SetupMost = 64 * 1024;

    private RecipeLocale? Locale(YamlMappingNode map)
    {
        if (Child(map, "locale") is not { } node)
            return null;
        if (node is not YamlMappingNode locale)
            return Problem(node, "locale: is written { default: de_AT.UTF-8, generate: [de_AT.UTF-8] }.")
                as RecipeLocale;
        OnlyKeys(locale, ["default", "generate"]);
        var generate = Items(locale, "generate")
            .Select(item => Scalar(item, LocaleForm, "a locale: de_AT.UTF-8"))
            .OfType<string>()
            .Order(StringComparer.Ordinal)
            .Distinct()
            .ToImmutableArray();
        var chosen = Optional(locale, "default", LocaleForm, "a locale: de_AT.UTF-8");
        if (chosen is not ("" or "C.UTF-8") && !generate.Contains(chosen))
            Problem(Child(locale, "default")!, $"'{chosen}' is not among generate:, so there would be no such locale.");
        return new RecipeLocale(chosen.Length > 0 ? chosen : "C.UTF-8", generate);
    }

    private string Setup(YamlMappingNode map)
    {
        var script = Optional(map, "setup", null, "");
        if (script.Length > SetupMost || script.Contains('\0', StringComparison.Ordinal))
            Problem(Child(map, "setup")!, $"setup: is a shell script of at most {SetupMost} characters.");
        return script;
    }

    private string Optional(YamlMappingNode map, string key, Regex? form, string wanted) =>
        Child(map, key) is null ? "" : Text(map, key, form, wanted) ?? "";

    [GeneratedRegex(@"\A(?:C\.UTF-8|[a-z]{2,3}(?:_[A-Z]{2})?\.(?:UTF-8|ISO-8859-[0-9]{1,2})(?:@[a-z]{1,20})?)\z")]
    private static partial Regex LocaleForm { get; }

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9_+-]{0,30}(?:/[A-Za-z][A-Za-z0-9_+-]{0,30}){0,2}\z")]
    private static partial Regex ZoneForm { get; }
}
