using System.Globalization;
using Docker.DotNet.Models;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>How much a container holds in its own layer: all that it wrote outside its tmpfs.</summary>
/// <param name="container">Its id.</param>
/// <param name="daemon">The daemon that has it.</param>
internal sealed class DockerLayer(string container, DockerDaemon daemon)
{
    private string? folder;

    /// <summary>
    /// The bytes and files of it, or null when the container is gone. Where the folder is ours to read it is looked
    /// through: the daemon counts a file with holes in full, and empty files not at all.
    /// </summary>
    public async Task<(long Bytes, long Files)?> MeasureAsync()
    {
        folder ??= await FindAsync();
        if (
            folder.Length > 0
            && await CountAsync("--block-size=1") is { } bytes
            && await CountAsync("--inodes") is { } files
        )
            return (bytes, files);
        return await AskAsync() is { } size ? (size, 0) : null;
    }

    private async Task<string> FindAsync()
    {
        var found = await daemon.FindAsync(
            "describe a container",
            docker => docker.Containers.InspectContainerAsync(container, CancellationToken.None)
        );
        var data = found?.GraphDriver?.Data;
        return data is not null && data.TryGetValue("UpperDir", out var upper) && Directory.Exists(upper) ? upper : "";
    }

    // What vanishes while it counts is told as an error, and is none to us: the sum is there all the same.
    private async Task<long?> CountAsync(string unit)
    {
        var (_, said) = await ChildProgram.RunAsync(
            ["du", "--summarize", "--one-file-system", unit, "--", folder!],
            CancellationToken.None
        );
        var sum = said.Split('\n').FirstOrDefault(line => line.EndsWith('\t' + folder, StringComparison.Ordinal));
        return long.TryParse(sum?.Split('\t')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            ? count
            : null;
    }

    private async Task<long?> AskAsync()
    {
        var parameters = new ContainersListParameters
        {
            All = true,
            Size = true,
            Filters = new Dictionary<string, IDictionary<string, bool>>
            {
                ["id"] = new Dictionary<string, bool> { [container] = true },
            },
        };
        var found = await daemon.AskAsync(
            "measure a container",
            docker => docker.Containers.ListContainersAsync(parameters, CancellationToken.None)
        );
        return found is [var one] ? one.SizeRw : null;
    }
}
