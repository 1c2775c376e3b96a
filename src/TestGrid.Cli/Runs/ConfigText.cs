using System.Text;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Core.Config;

namespace TestGrid.Cli.Runs;

/// <summary>A configuration's text, and what it means on this machine.</summary>
internal sealed class ConfigText
{
    // More than the reader takes, so that the reader says that it is too much.
    private const int Most = 1 << 20;

    private string[]? lines;

    public ConfigText(string name, byte[] utf8)
    {
        (Name, Utf8, Settings) = (name, utf8, LocalServices.ConfigSettings());
        Reading = CiConfigReader.Read(name, utf8, Settings);
    }

    /// <summary>How its problems call it; a file that is called <c>.travis.yml</c> has Travis's defaults.</summary>
    public string Name { get; }

    public byte[] Utf8 { get; }

    public ConfigSettings Settings { get; }

    public ConfigReading Reading { get; }

    /// <summary>A file, or <c>-</c> for the standard input.</summary>
    public static ConfigText Open(string path, string nameOfInput)
    {
        if (path == "-")
        {
            using var input = Console.OpenStandardInput();
            return new ConfigText(nameOfInput, ReadAtMost(input));
        }

        if (!File.Exists(path))
            throw new CommandException($"there is no file {path}", ExitCodes.Usage);
        using var file = File.OpenRead(path);
        return new ConfigText(path, ReadAtMost(file));
    }

    /// <summary>A line of it, from 1; null when there is none.</summary>
    public string? Line(int number)
    {
        lines ??= Encoding.UTF8.GetString(Utf8).ReplaceLineEndings("\n").Split('\n');
        return number < 1 || number > lines.Length ? null : lines[number - 1];
    }

    private static byte[] ReadAtMost(Stream stream)
    {
        var bytes = new byte[Most];
        var length = stream.ReadAtLeast(bytes, Most, throwOnEndOfStream: false);
        return bytes[..length];
    }
}
