using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Matrix;

/// <summary>One job while the matrix is made.</summary>
/// <param name="Keys">Everything it says, its own environment in <c>env</c>, the shared one not yet with it.</param>
/// <param name="AllowFailure">A red result does not make the build red.</param>
internal sealed record MatrixJob(YamlMap Keys, bool AllowFailure = false)
{
    public string? Text(string key) => (Keys[key] as YamlScalar)?.Text;
}
