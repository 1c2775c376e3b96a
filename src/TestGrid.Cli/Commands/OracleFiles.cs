using System.CommandLine;
using System.Diagnostics;
using System.IO.Compression;
using System.Text.Json.Nodes;
using TestGrid.Cli.Exits;

namespace TestGrid.Cli.Commands;

/// <summary>The oracle that <c>conformance</c> and <c>coverage</c> read: files of JSON lines, packed or not.</summary>
internal sealed class OracleFiles(FileInfo[] files, FileInfo? facts)
{
    /// <summary>The events that conditions are evaluated for, by name.</summary>
    public Dictionary<string, JsonObject> Events
    {
        get
        {
            var data = facts ?? new FileInfo(Path.Combine(files[0].DirectoryName!, "conditions_data.json"));
            return data.Exists
                ? JsonNode
                    .Parse(File.ReadAllText(data.FullName))!
                    .AsObject()
                    .ToDictionary(pair => pair.Key, pair => pair.Value!.AsObject())
                : [];
        }
    }

    public static Option<FileInfo[]> Option() =>
        new("--oracle")
        {
            Description = "a file of JSON lines, packed by gzip or xz or not; may be given more than once",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };

    public static Option<FileInfo?> FactsOption() =>
        new("--facts")
        {
            Description = "the events that conditions are evaluated for (else conditions_data.json beside the oracle)",
        };

    /// <summary>Every line, and the name of the file it is in.</summary>
    public IEnumerable<(string File, JsonObject Line)> Lines()
    {
        foreach (var file in files)
        {
            if (!file.Exists)
                throw new CommandException($"there is no {file.FullName}", ExitCodes.NotFound);
            foreach (var line in Lines(file))
                yield return (file.Name, line);
        }
    }

    private static IEnumerable<JsonObject> Lines(FileInfo file)
    {
        using var reader = Open(file);
        if (file.Extension == ".json")
        {
            var whole = JsonNode.Parse(reader.ReadToEnd());
            foreach (var item in whole is JsonArray list ? list.OfType<JsonObject>() : [whole!.AsObject()])
                yield return item;
            yield break;
        }

        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0)
                yield return JsonNode.Parse(line)!.AsObject();
        }
    }

    private static StreamReader Open(FileInfo file)
    {
        switch (file.Extension)
        {
            case ".gz":
                return new StreamReader(new GZipStream(file.OpenRead(), CompressionMode.Decompress));
            case ".xz":
                try
                {
                    var xz = Process.Start(
                        new ProcessStartInfo("xz", ["-dc", file.FullName]) { RedirectStandardOutput = true }
                    )!;
                    return xz.StandardOutput;
                }
                catch (System.ComponentModel.Win32Exception)
                {
                    throw new CommandException($"{file.Name} needs the program xz (xz-utils)", ExitCodes.NotFound);
                }

            default:
                return file.OpenText();
        }
    }
}
