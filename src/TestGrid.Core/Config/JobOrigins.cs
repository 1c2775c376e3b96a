using System.Collections.Immutable;
using TestGrid.Core.Config.Languages;
using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>One thing that a job says, and where it says so.</summary>
/// <param name="Key">The key, its names mended: <c>script</c>.</param>
/// <param name="Value">The value in the form in which it counts, on one line or, for a command, on several.</param>
/// <param name="Line">The line of the file, from 1; 0 when no line says it.</param>
/// <param name="Why">Who says it when no line does: <c>default of python</c>.</param>
/// <param name="File">The file of the line: the configuration, or one it imports; null when no line says it.</param>
public sealed record ValueOrigin(string Key, string Value, int Line, string Why, string? File = null);

/// <summary>Says of every value of a job where it comes from, for people who wonder.</summary>
public static class JobOrigins
{
    /// <param name="file">As for <see cref="CiConfigReader.Read"/>.</param>
    /// <param name="utf8">The same bytes.</param>
    /// <param name="settings">The same settings.</param>
    /// <param name="cell">Which job, from 1.</param>
    /// <param name="job">That job as it was read.</param>
    /// <returns>The values, in the file's order and then the defaults; empty when the file is refused.</returns>
    public static ImmutableArray<ValueOrigin> Of(
        string file,
        ReadOnlyMemory<byte> utf8,
        ConfigSettings settings,
        int cell,
        JobConfig job
    )
    {
        var findings = new Findings(file);
        if (CiConfigReader.Expand(file, utf8, settings, findings) is not { } expanded)
            return [];
        var keys = expanded.Jobs[cell - 1].Keys;
        var origins = ImmutableArray.CreateBuilder<ValueOrigin>();
        foreach (var item in expanded.GlobalEnv)
            Add("env", item, "env.global");
        foreach (var entry in keys.Entries.Where(entry => entry.Key is not ("jobs" or "stages" or "branches")))
        {
            if (entry.Key is "language" && !expanded.IsLanguageGiven)
                origins.Add(
                    new ValueOrigin("language", entry.Value.ToString()!, 0, $"default of {Path.GetFileName(file)}")
                );
            else if (entry.Key is "os" && entry.Value.Mark == expanded.Root.Mark)
                origins.Add(new ValueOrigin("os", entry.Value.ToString()!, 0, "default"));
            else if (entry.Value is YamlList list)
            {
                foreach (var item in list.Items)
                    Add(entry.Key, item, "");
            }
            else
                Say(entry.Key, Text(entry.Value), entry.Mark, "");
        }

        var stated = origins
            .OrderBy(origin => origin.Line == 0)
            .ThenBy(origin => origin.File != file)
            .ThenBy(origin => origin.Line)
            .ToList();
        return [.. stated, .. Defaults(job, keys)];

        void Add(string key, YamlNode node, string why) => Say(key, Text(node), node.Mark, why);

        void Say(string key, string value, YamlMark mark, string why) =>
            origins.Add(new ValueOrigin(key, value, mark.Line, why, findings.FileOf(mark)));
    }

    private static IEnumerable<ValueOrigin> Defaults(JobConfig job, YamlMap keys)
    {
        if (!keys.Has("bundle"))
        {
            var key = LanguageTable.Of(job.Language).KeyFor(new MatrixJob(keys));
            var version = key is null ? null : (keys[key] as YamlScalar)?.Text;
            yield return new ValueOrigin(
                "bundle",
                job.Bundle,
                0,
                version is null ? $"language {job.Language}" : $"language {job.Language}, {key} {version}"
            );
        }

        if (!keys.Has("arch"))
            yield return new ValueOrigin("arch", job.Arch, 0, "default");
        if (!keys.Has("tty"))
            yield return new ValueOrigin("tty", "true", 0, "default");
        foreach (var phase in job.Phases.Where(phase => phase.IsDefault))
            yield return new ValueOrigin(
                phase.Name,
                string.Join('\n', phase.Commands),
                0,
                $"default of {job.Language}"
            );
    }

    private static string Text(YamlNode node) =>
        node is YamlMap { Entries: [var only] } && only.Value is YamlScalar value && value.Text is not null
            ? only.Key == "secure"
                ? "[secure]"
                : $"{only.Key}={value.Text}"
            : node.ToString()!.TrimEnd('\n');
}
