namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>Where a container of a pod has its files: the one of the commands, or one of a service.</summary>
/// <param name="Name">Unique in its pod.</param>
/// <param name="Folder">Its folder in the pod's in-memory file system.</param>
internal sealed record ContainerPlace(string Name, string Folder)
{
    /// <summary>Where the commands run.</summary>
    public static ContainerPlace Job { get; } = new("job", "t");

    /// <summary>Where a service runs.</summary>
    public static ContainerPlace Of(int service) => new(PodFiles.FolderOf(service), $"t/{PodFiles.FolderOf(service)}");

    /// <summary>The runtime's bundle, as seen in the pod.</summary>
    public string Bundle => $"{PodFiles.InPod}/{Folder}/bundle";

    /// <summary>The root filesystem, as seen in the pod.</summary>
    public string Root => $"{PodFiles.InPod}/{Folder}/root";

    /// <summary>
    /// What the runtime complains into, from the pod's folder on. The runner makes it: what it reads must not be a link
    /// that a stranger has put there.
    /// </summary>
    public string Log => $"log-{Name}";

    /// <summary>The one folder that the pod's root may make files in: runc writes beside the name and renames.</summary>
    public const string Out = "out";

    /// <summary>What the runtime writes the container's first process into, from the pod's folder on.</summary>
    public string PidFile => $"{Out}/{Name}.pid";
}
