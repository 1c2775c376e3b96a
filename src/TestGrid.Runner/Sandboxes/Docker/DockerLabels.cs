namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>How what is ours is told from what is others' in the daemon.</summary>
internal static class DockerLabels
{
    /// <summary>On images: the bundle's digest.</summary>
    public const string Bundle = "org.testgrid.bundle";

    /// <summary>On images: where the tree was when it was imported.</summary>
    public const string Tree = "org.testgrid.tree";

    /// <summary>On containers, networks and folders: the sandbox's name, which begins with its runner's.</summary>
    public const string Sandbox = "org.testgrid.sandbox";

    /// <summary>On containers, networks and folders: the file that their runner holds locked while it lives.</summary>
    public const string Life = "org.testgrid.life";

    public static IDictionary<string, IDictionary<string, bool>> Having(string label) =>
        new Dictionary<string, IDictionary<string, bool>>
        {
            ["label"] = new Dictionary<string, bool> { [label] = true },
        };
}
