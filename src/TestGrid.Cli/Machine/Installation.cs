namespace TestGrid.Cli.Machine;

/// <summary>Where the program's own files are: beside it, or in the work tree that <c>./testgrid</c> runs from.</summary>
internal static class Installation
{
    private static readonly string? Home = Environment.GetEnvironmentVariable("TESTGRID_HOME");

    /// <summary>The built dashboard; null is the server's own default, beside the program.</summary>
    public static string? WebPath =>
        Home is null ? null : Existing(Path.Combine(Home, "src", "TestGrid.Server", "wwwroot"));

    /// <summary>The recipes, a folder each.</summary>
    public static string RecipesPath =>
        (Home is null ? null : Existing(Path.Combine(Home, "runner-images")))
        ?? Path.Combine(AppContext.BaseDirectory, "runner-images");

    /// <summary>The script that runs this program from a work tree, or null when it is installed.</summary>
    public static string? Launcher => Home is null ? null : Path.Combine(Home, "testgrid");

    private static string? Existing(string path) => Directory.Exists(path) ? path : null;
}
