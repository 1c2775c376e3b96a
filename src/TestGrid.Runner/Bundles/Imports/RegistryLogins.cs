using System.Text;

namespace TestGrid.Runner.Bundles.Imports;

/// <summary>
/// Who may read private registries: lines of <c>USER:PASSWORD@HOST[:PORT]</c>. A secret of a repository, which comes with
/// the claim, is for the runner alone, and goes to no other host.
/// </summary>
/// <param name="text">The lines; null or empty of none.</param>
public sealed class RegistryLogins(string? text)
{
    /// <summary>The name of the secret, and of the variable for a command.</summary>
    public const string Variable = "TESTGRID_REGISTRY_LOGIN";

    private readonly string[] lines =
        text?.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    /// <summary>Nobody.</summary>
    public static RegistryLogins None { get; } = new(null);

    /// <summary>For HTTP's basic authentication at that registry, as it is written in a reference; null when nobody is known.</summary>
    public string? For(string registry)
    {
        foreach (var line in lines)
        {
            var at = line.LastIndexOf('@');
            if (at > 0 && line.IndexOf(':') is > 0 and var colon && colon < at && line[(at + 1)..] == registry)
                return Convert.ToBase64String(Encoding.UTF8.GetBytes(line[..at]));
        }
        return null;
    }
}
