using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using YamlDotNet.RepresentationModel;

namespace TestGrid.Core.Bundles;

/// <summary>A recipe's <c>service:</c>.</summary>
public sealed partial class RecipeReader
{
    private RecipeService? Service(YamlMappingNode root)
    {
        if (Child(root, "service") is not { } node)
            return null;
        if (node is not YamlMappingNode map)
            return Problem(node, "service: is a mapping: names:, version:, start:, port:, …") as RecipeService;
        OnlyKeys(map, ["names", "version", "user", "start", "port", "ready", "sockets"]);
        var names = Items(map, "names").Select(name => Scalar(name, ServiceForm, "a service's name")).OfType<string>();
        var service = new RecipeService
        {
            Names = [.. names],
            Version = Text(map, "version", VersionForm, "a version: \"7.0\"") ?? "",
            User = Child(map, "user") is null ? "root" : Text(map, "user", UserForm, "a user's name") ?? "",
            Start = Words(map, "start"),
            Port = int.Parse(
                Text(map, "port", PortForm, "a port from 1 to 65535") ?? "0",
                NumberStyles.None,
                CultureInfo.InvariantCulture
            ),
            Ready = Words(map, "ready"),
            Sockets = Child(map, "sockets") is null
                ? null
                : Text(map, "sockets", PathForm, "an absolute path without .. or odd characters"),
        };
        if (service.Names.IsEmpty)
            Problem(map, "A service needs names: with Travis's words for it.");
        if (service.Start.IsEmpty)
            Problem(map, "A service needs start: with a program and its arguments.");
        return service;
    }

    private ImmutableArray<string> Words(YamlMappingNode map, string key) =>
        [.. Items(map, key).Select(word => Scalar(word, null, "")).OfType<string>()];

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9-]{0,31}\z")]
    private static partial Regex ServiceForm { get; }

    [GeneratedRegex(@"\A(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])\z")]
    private static partial Regex PortForm { get; }
}
