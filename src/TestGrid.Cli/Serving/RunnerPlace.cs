using System.Security.Cryptography;
using System.Text;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;

namespace TestGrid.Cli.Serving;

/// <summary>A runner's folder, for one process at a time, and the name by which the server tells it from every other.</summary>
internal sealed class RunnerPlace : IDisposable
{
    private const string BootId = "/proc/sys/kernel/random/boot_id";

    private readonly FileStream held;

    private RunnerPlace(FileStream held) => this.held = held;

    /// <summary>
    /// 32 hexadecimal digits: of this folder, on this machine, since its start. A copy of the folder on another machine has
    /// others, and here no two processes have the folder at once: who comes with the same ones is the same runner, again.
    /// </summary>
    public string Id { get; private init; } = "";

    /// <exception cref="CommandException">Another process has it, or it cannot be written.</exception>
    public static RunnerPlace Hold(string dataPath, string name)
    {
        var folder = Path.Combine(LocalServices.RunnersPath(dataPath), name);
        try
        {
            Directory.CreateDirectory(folder);
            var file = new FileStream(
                Path.Combine(folder, "lock"),
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                FileShare.None
            );
            if (file.Length == 0)
            {
                file.Write(RandomNumberGenerator.GetBytes(32));
                file.Flush(flushToDisk: true);
            }
            file.Position = 0;
            var own = new byte[32];
            file.ReadExactly(own);
            var boot = File.Exists(BootId) ? File.ReadAllText(BootId) : "";
            var digest = SHA256.HashData([.. own, .. Encoding.ASCII.GetBytes(boot)]);
            return new RunnerPlace(file) { Id = Convert.ToHexStringLower(digest.AsSpan(0, 16)) };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(
                $"{folder} cannot be used: {e.Message}. Does a runner of this name run here already? Give this one its "
                    + "own with --name, or its own folder with --data"
            );
        }
    }

    public void Dispose() => held.Dispose();
}
