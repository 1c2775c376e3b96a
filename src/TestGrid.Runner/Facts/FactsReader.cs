using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Facts;

/// <summary>Reads the facts of a machine or of a root filesystem, as JSON of the form <c>testgrid.facts/1</c>.</summary>
public static class FactsReader
{
    /// <summary>The form's name, in the field <c>schema</c>.</summary>
    public const string Schema = "testgrid.facts/1";

    private static readonly JsonSerializerOptions Written = new()
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // it is no part of a page
    };

    /// <summary>The facts of this machine: its files, its kernel, and the names of this process's variables.</summary>
    public static string OfHost()
    {
        var made = new JsonObject { ["schema"] = Schema, ["of"] = "host" };
        using var files = new RootFiles("/");
        RootFacts.Read(files, made);
        HostFacts.Read(made);
        return made.ToJsonString(Written) + "\n";
    }

    /// <summary>The facts of a root filesystem: of its files only, and none of its programs runs.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public static string OfRoot(string root) => OfRoot(root, new JsonObject { ["schema"] = Schema, ["of"] = "root" });

    /// <summary>As <see cref="OfRoot(string)"/>, of a bundle's tree.</summary>
    public static string OfBundle(string root, string name, BundleDigest digest) =>
        OfRoot(
            root,
            new JsonObject
            {
                ["schema"] = Schema,
                ["of"] = "bundle",
                ["bundle"] = new JsonObject { ["name"] = name, ["digest"] = digest.ToString() },
            }
        );

    private static string OfRoot(string root, JsonObject made)
    {
        using var files = new RootFiles(root);
        RootFacts.Read(files, made);
        return made.ToJsonString(Written) + "\n";
    }
}
