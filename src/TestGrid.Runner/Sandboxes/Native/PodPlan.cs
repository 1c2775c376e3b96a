namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>What a pod shall be, whoever's it will be.</summary>
/// <param name="Folder">Holds what <see cref="PodFiles.Write"/> wrote. The pod removes it in the end.</param>
/// <param name="Group">What its first process is born into. The pod removes it in the end.</param>
/// <param name="Network">What it reaches.</param>
/// <param name="FirstId">What id 0 inside is outside.</param>
/// <param name="Runtime">What starts its containers.</param>
internal sealed record PodPlan(
    string Folder,
    ControlGroup Group,
    SandboxNetwork Network,
    int FirstId,
    ContainerRuntime Runtime
);
