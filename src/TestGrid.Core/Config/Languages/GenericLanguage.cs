using TestGrid.Core.Config.Matrix;

namespace TestGrid.Core.Config.Languages;

/// <summary>
/// No language: <c>generic</c>, <c>shell</c>, <c>minimal</c>. A job without a script passes, as on Travis.
/// </summary>
internal static class GenericLanguage
{
    public static LanguageSteps Steps(MatrixJob job, string? version) => new();
}
