using System.Diagnostics;
using System.IO.Compression;

namespace TestGrid.Tests.Support;

/// <summary>
/// Test data that is used in place and is no part of the repository: the folder that TESTGRID_CORPORA names, or ../shared
/// beside the repository. A test that needs a part of it is skipped, with the reason, where it is not.
/// </summary>
internal static class Corpora
{
    /// <summary>The folder of TestGrid.sln.</summary>
    public static string RepositoryRoot { get; } = FindRepository();

    public static string Root { get; } =
        Environment.GetEnvironmentVariable("TESTGRID_CORPORA") ?? Path.Combine(RepositoryRoot, "..", "shared");

    /// <summary>The path of a file or folder of the data; skips the running test when it is not there.</summary>
    public static string Need(string name)
    {
        var path = Path.Combine(Root, name);
        if (!File.Exists(path) && !Directory.Exists(path))
            Assert.Skip($"not run: {name} is not in {Root}; TESTGRID_CORPORA names another folder");
        return path;
    }

    /// <summary>The lines of a file that may be packed by gzip or xz.</summary>
    public static IReadOnlyList<string> Lines(string name)
    {
        var path = Need(name);
        if (name.EndsWith(".gz", StringComparison.Ordinal))
        {
            using var zip = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
            return Read(zip);
        }

        if (!name.EndsWith(".xz", StringComparison.Ordinal))
            return File.ReadAllLines(path);
        try
        {
            using var xz = Process.Start(new ProcessStartInfo("xz", ["-dc", path]) { RedirectStandardOutput = true })!;
            return Read(xz.StandardOutput);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip($"not run: {name} needs xz (apt-get install xz-utils)");
            throw;
        }
    }

    private static List<string> Read(StreamReader reader)
    {
        var lines = new List<string>();
        while (reader.ReadLine() is { } line)
            lines.Add(line);
        return lines;
    }

    private static string FindRepository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TestGrid.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? Directory.GetCurrentDirectory();
    }
}
