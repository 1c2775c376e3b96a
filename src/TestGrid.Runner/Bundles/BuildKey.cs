using System.Security.Cryptography;
using System.Text;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Names everything that decides a tree beside the mirror: what the recipe says, and what this version of the builder
/// does with it. A store made by a version that did otherwise therefore builds again, by itself.
/// </summary>
internal static class BuildKey
{
    /// <returns>64 hexadecimal digits.</returns>
    public static string Of(Recipe recipe)
    {
        var text = string.Join(
            '\0',
            ["testgrid.build/1", recipe.ContentHash(), FinishScript.Of(recipe), .. BundleBuilder.Manner]
        );
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}
