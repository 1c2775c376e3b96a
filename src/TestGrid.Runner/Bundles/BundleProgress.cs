using System.Globalization;

namespace TestGrid.Runner.Bundles;

/// <summary>How far the building of a bundle is.</summary>
/// <param name="Recipe">Which one.</param>
/// <param name="Percent">0 to 100, never less than before.</param>
/// <param name="Phase">What is being done, for people: <c>installing packages</c>.</param>
public sealed record BundleProgress(string Recipe, int Percent, string Phase)
{
    /// <summary>The sentence that a waiting job shows.</summary>
    public override string ToString() => $"bundle {Recipe} is being built, {Percent} % ({Phase})";
}

/// <summary>A bundle cannot be had. The message says why and what mends it.</summary>
public class BundleException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>Progress that other processes can read too, in a file.</summary>
internal sealed class ToldProgress(IProgress<BundleProgress> next, string file) : IProgress<BundleProgress>
{
    public void Report(BundleProgress value)
    {
        File.WriteAllText(file, string.Create(CultureInfo.InvariantCulture, $"{value.Percent} {value.Phase}"));
        next.Report(value);
    }
}
