using System.Text.RegularExpressions;

namespace TestGrid.Core.Config;

internal static partial class AptPackage
{
    /// <summary>
    /// A package's name, with an architecture, version or release if one is asked for. Never an option of apt-get.
    /// </summary>
    public static bool IsName(string text) => text.Length <= 200 && Form.IsMatch(text);

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9+.\-]*(:[a-z0-9\-]+)?([=/][A-Za-z0-9.+:~\-*]+)?\*?$")]
    private static partial Regex Form { get; }
}
