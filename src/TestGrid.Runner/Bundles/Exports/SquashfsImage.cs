namespace TestGrid.Runner.Bundles.Exports;

/// <summary>Trees as squashfs images, packed with zstd: the same tree gives the same bytes.</summary>
internal static class SquashfsImage
{
    /// <summary>Packs a bundle's tree.</summary>
    public static async Task WriteAsync(IdRange range, string root, long epoch, string file, CancellationToken stop)
    {
        await using var program = PackingProgram.Start(Command(file, epoch), file: null);
        try
        {
            await BundleArchive.PackAsync(range, root, program.Input, stop);
        }
        catch (IOException) { } // it ended before it had read all: what it said tells why
        await program.FinishAsync(stop);
    }

    /// <summary>
    /// Packs a folder of this machine's user as <c>/app</c>: read as him, owned by root inside, without what version
    /// control keeps in it.
    /// </summary>
    public static async Task WriteAppAsync(string folder, long epoch, string file, CancellationToken stop)
    {
        string[] reading =
        [
            "tar",
            "--create",
            "--format=posix",
            "--pax-option=delete=atime,delete=ctime",
            "--sort=name",
            $"--mtime=@{epoch}",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--exclude-vcs",
            "--transform=flags=r;s,^\\.,app,",
            $"--directory={folder}",
            ".",
        ];
        await using var program = PackingProgram.Start(Command(file, epoch), file: null);
        await using var reader = PackingProgram.StartInto(reading, program.Input);
        try
        {
            await reader.FinishAsync(stop);
        }
        catch (IOException) { } // as above
        await program.FinishAsync(stop);
    }

    private static string[] Command(string file, long epoch) =>
        [
            "mksquashfs",
            "-",
            file,
            "-tar",
            "-quiet",
            "-no-progress",
            "-comp",
            "zstd",
            "-Xcompression-level",
            "3",
            "-mkfs-time",
            $"{epoch}",
            "-all-time", // else the root folder has the time of now: its -root-time does nothing to a tar (4.5.1)
            $"{epoch}",
            "-root-mode",
            "755",
        ];
}
