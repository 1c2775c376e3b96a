namespace TestGrid.Runner.Sandboxes;

/// <summary>One thing a sandbox needs of this machine, as <c>testgrid doctor</c> prints it.</summary>
/// <param name="What">What is needed, in words.</param>
/// <param name="Ok">This machine has it.</param>
/// <param name="Needed">Without it no sandbox can be made; otherwise something is weaker.</param>
/// <param name="Detail">What was found: a version, a path, the kernel's answer.</param>
/// <param name="Remedy">The line that mends it, or null.</param>
public sealed record SandboxFact(string What, bool Ok, bool Needed, string Detail, string? Remedy = null)
{
    /// <summary>Without this no sandbox can be made here.</summary>
    public bool Stops => Needed && !Ok;
}
