using System.Security.Cryptography;
using System.Text;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Names everything that decides a tree: what the recipe and its lock say, and what this version of the builder does
/// with them. A store made by a version that did otherwise therefore builds again, by itself.
/// </summary>
internal static class BuildKey
{
    /// <param name="recipe">Complete with its parents'.</param>
    /// <param name="lockDigest">Of the lock beside the recipe; empty when there is none.</param>
    /// <returns>64 hexadecimal digits.</returns>
    public static string Of(Recipe recipe, string lockDigest)
    {
        var text = string.Join(
            '\0',
            ["testgrid.build/2", recipe.ContentHash(), lockDigest, FinishScript.Of(recipe), .. PackageInstall.Manner]
        );
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}
