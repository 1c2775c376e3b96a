using System.Text;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Core.Config;
using TestGrid.Core.Config.Imports;

namespace TestGrid.Cli.Runs;

/// <summary>A configuration's text, and what it means on this machine.</summary>
internal sealed class ConfigText
{
    // More than the reader takes, so that the reader says that it is too much.
    private const int Most = 1 << 20;

    private readonly Dictionary<string, string[]> lines = new(StringComparer.Ordinal);

    private ConfigText(string name, byte[] utf8, ConfigSettings settings)
    {
        (Name, Utf8, Settings) = (name, utf8, settings);
        Reading = CiConfigReader.Read(name, utf8, settings);
    }

    /// <summary>How its problems call it; a file that is called <c>.travis.yml</c> has Travis's defaults.</summary>
    public string Name { get; }

    public byte[] Utf8 { get; }

    public ConfigSettings Settings { get; }

    public ConfigReading Reading { get; }

    /// <summary>A text and what it imports.</summary>
    public static async ValueTask<ConfigText> ReadAsync(
        string name,
        byte[] utf8,
        TreeImports imports,
        CancellationToken stop
    )
    {
        var settings = LocalServices.ConfigSettings() with { Slug = imports.Slug };
        return new ConfigText(
            name,
            utf8,
            await ConfigImports.CollectAsync(name, utf8, settings, imports.ReadAsync, stop)
        );
    }

    /// <summary>A file, or <c>-</c> for the standard input, and what it imports.</summary>
    public static ValueTask<ConfigText> OpenAsync(
        string path,
        string nameOfInput,
        TreeImports imports,
        CancellationToken stop
    ) => ReadAsync(path == "-" ? nameOfInput : path, Bytes(path), imports, stop);

    private static byte[] Bytes(string path)
    {
        if (path == "-")
        {
            using var input = Console.OpenStandardInput();
            return ReadAtMost(input);
        }

        if (!File.Exists(path))
            throw new CommandException($"there is no file {path}", ExitCodes.Usage);
        using var file = File.OpenRead(path);
        return ReadAtMost(file);
    }

    /// <summary>The line that a problem is about; null when there is none.</summary>
    public string? Line(ConfigProblem problem)
    {
        if (!lines.TryGetValue(problem.File, out var all))
        {
            var text = problem.File == Name ? Utf8 : Imported(problem.File);
            all = Encoding.UTF8.GetString(text.Span).ReplaceLineEndings("\n").Split('\n');
            lines.Add(problem.File, all);
        }

        return problem.Line < 1 || problem.Line > all.Length ? null : all[problem.Line - 1];
    }

    private ReadOnlyMemory<byte> Imported(string file) =>
        Settings
            .Imports.Where(import => import.Key.ToString() == file)
            .Select(import => (import.Value as ImportedFile.Text)?.Utf8)
            .FirstOrDefault()
        ?? default;

    private static byte[] ReadAtMost(Stream stream)
    {
        var bytes = new byte[Most];
        var length = stream.ReadAtLeast(bytes, Most, throwOnEndOfStream: false);
        return bytes[..length];
    }
}
