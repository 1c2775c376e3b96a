using System.Collections.Immutable;

namespace TestGrid.Core.Config.Imports;

/// <summary>Gives an imported file, or why it cannot be had.</summary>
public delegate ValueTask<ImportedFile> ReadImport(ImportSource source, CancellationToken stop);

/// <summary>
/// Collects the files that a configuration imports before it is read, so that reading stays pure: what to ask for is
/// found out here, and who asks reads it from where it may.
/// </summary>
public static class ConfigImports
{
    /// <summary>The most files that one configuration may import, directly and through others.</summary>
    public const int Most = 25;

    /// <summary>The settings with <see cref="ConfigSettings.Imports"/> complete.</summary>
    /// <param name="file">As for <see cref="CiConfigReader.Read"/>.</param>
    /// <param name="utf8">The same bytes.</param>
    /// <param name="settings">The same settings.</param>
    /// <param name="read">Asked once for each file whose condition holds.</param>
    /// <param name="stop">Ends the asking.</param>
    public static async ValueTask<ConfigSettings> CollectAsync(
        string file,
        ReadOnlyMemory<byte> utf8,
        ConfigSettings settings,
        ReadImport read,
        CancellationToken stop
    )
    {
        var collected = settings with { Imports = ImmutableDictionary<ImportSource, ImportedFile>.Empty };
        // Every round reads a level deeper; a file that is asked for is never asked for again.
        while (Missing(file, utf8, collected) is { Count: > 0 } missing)
        {
            foreach (var source in missing)
                collected = collected with { Imports = collected.Imports.Add(source, await read(source, stop)) };
        }

        return collected;
    }

    private static IReadOnlyList<ImportSource> Missing(string file, ReadOnlyMemory<byte> utf8, ConfigSettings settings)
    {
        var findings = new Findings(file);
        if (TreeReading.Read(utf8, settings, findings) is not { } root)
            return [];
        var walk = new ImportWalk(settings, findings);
        walk.Merged(root);
        return walk.Missing;
    }
}
