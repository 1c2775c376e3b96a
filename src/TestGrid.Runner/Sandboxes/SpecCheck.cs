using System.Text.RegularExpressions;

namespace TestGrid.Runner.Sandboxes;

/// <summary>
/// What no engine makes a sandbox of. The order comes from our own code, but a job's configuration stands behind names
/// and targets.
/// </summary>
internal static partial class SpecCheck
{
    /// <exception cref="SandboxException">Something in it cannot be; the message says what.</exception>
    public static void Check(SandboxSpec spec)
    {
        if (!GoodName.IsMatch(spec.Name))
            throw new SandboxException(
                $"'{spec.Name}' is no name for a sandbox: letters, digits, '.', '_' and '-', up to 64."
            );
        if (!Directory.Exists(spec.RootPath))
            throw new SandboxException($"There is no bundle at {spec.RootPath}.");
        foreach (var mount in spec.Mounts)
        {
            if (!GoodTarget.IsMatch(mount.Target) || mount.Target.Split('/').Any(part => part is "." or ".."))
                throw new SandboxException(
                    $"'{mount.Target}' is no place to mount at: an absolute path without '..' is."
                );
            if (TakenTarget.IsMatch(mount.Target))
                throw new SandboxException($"{mount.Target} is the sandbox's own: nothing can be mounted there.");
            if (
                !Directory.Exists(mount.Source)
                && (mount.Kind is SandboxMountKind.Overlay || !File.Exists(mount.Source))
            )
                throw new SandboxException($"{mount.Source}, to be shown at {mount.Target}, is not there.");
        }
    }

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z")]
    private static partial Regex GoodName { get; }

    [GeneratedRegex(@"^(/[^/\x00-\x1f]+)+\z")]
    private static partial Regex GoodTarget { get; }

    [GeneratedRegex(@"^/(proc|sys|dev)(/|\z)")]
    private static partial Regex TakenTarget { get; }
}
