using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Jobs;

namespace TestGrid.Core.Config;

/// <summary>Which operating systems and processors there are runners for.</summary>
internal static class Platform
{
    /// <summary>Why a job cannot run for its system or processor, or null.</summary>
    public static JobImpossible? Missing(MatrixJob job)
    {
        var os = job.Text("os") ?? "linux";
        var arch = job.Text("arch") ?? "amd64";
        var sentence = (os, arch) switch
        {
            ("linux", "amd64") => null,
            ("osx", _) => "os: osx needs a Mac"
                + (job.Text("osx_image") is { } image ? $" ({Shapes.Short(image)})" : "")
                + ", and every runner here is Linux on amd64.",
            ("windows", _) => "os: windows needs a Windows machine, and every runner here is Linux on amd64.",
            ("freebsd", _) => "os: freebsd needs a FreeBSD machine, and every runner here is Linux on amd64.",
            ("linux", _) =>
                $"arch: {Shapes.Short(arch)} needs a machine with that processor, and every runner here is amd64.",
            _ => $"os: {Shapes.Short(os)} is no operating system that a runner here has: every one is Linux on amd64.",
        };
        return sentence is null ? null : new JobImpossible(JobReason.NoPlatform, sentence);
    }
}
