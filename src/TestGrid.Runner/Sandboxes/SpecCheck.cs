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
            CheckTarget(mount.Target);
            if (
                !Directory.Exists(mount.Source)
                && (mount.Kind is SandboxMountKind.Overlay || !File.Exists(mount.Source))
            )
                throw new SandboxException($"{mount.Source}, to be shown at {mount.Target}, is not there.");
        }
        foreach (var folder in spec.Folders)
            CheckTarget(folder);
        foreach (var service in spec.Services)
            CheckService(service, spec);
    }

    private static void CheckService(SandboxService service, SandboxSpec spec)
    {
        if (!GoodService.IsMatch(service.Name) || spec.Services.Count(one => one.Name == service.Name) > 1)
            throw new SandboxException(
                $"'{service.Name}' is no name for a service: lower-case letters, digits and '-', up to 32, and only once."
            );
        if (!Directory.Exists(service.RootPath))
            throw new SandboxException($"There is no bundle at {service.RootPath} for the service {service.Name}.");
        if (service.Sockets is not { } sockets)
            return;
        CheckTarget(sockets);
        var others = spec.Mounts.Select(mount => mount.Target).Concat(spec.Services.Select(one => one.Sockets ?? ""));
        if (others.Count(other => $"{sockets}/".StartsWith(other + "/", StringComparison.Ordinal) && other != "") > 1)
            throw new SandboxException($"{sockets}, for the sockets of {service.Name}, is mounted on already.");
    }

    private static void CheckTarget(string target)
    {
        if (!GoodTarget.IsMatch(target) || target.Split('/').Any(part => part is "." or ".."))
            throw new SandboxException($"'{target}' is no place to mount at: an absolute path without '..' is.");
        if (TakenTarget.IsMatch(target))
            throw new SandboxException($"{target} is the sandbox's own: nothing can be mounted there.");
    }

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z")]
    private static partial Regex GoodName { get; }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9-]{0,31}\z")]
    private static partial Regex GoodService { get; }

    [GeneratedRegex(@"^(/[^/\x00-\x1f]+)+\z")]
    private static partial Regex GoodTarget { get; }

    [GeneratedRegex(@"^/(proc|sys|dev)(/|\z)")]
    private static partial Regex TakenTarget { get; }
}
