namespace TestGrid.Runner.Layers;

/// <summary>A layer in use: until this is disposed, or its process dies, it is not cleaned away.</summary>
public sealed class LayerLease : IAsyncDisposable
{
    private readonly FileStream held;

    internal LayerLease(LayerRecord record, string rootPath, FileStream held) =>
        (Record, RootPath, this.held) = (record, rootPath, held);

    public LayerRecord Record { get; }

    /// <summary>Its folder, for <c>SandboxSpec.LayerPath</c>.</summary>
    public string RootPath { get; }

    public ValueTask DisposeAsync() => held.DisposeAsync();
}

/// <summary>A layer is not kept. The message says why, in words that follow <c>not kept:</c>.</summary>
public sealed class LayerException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>Notes beside a layer that it was found whole since the machine was started.</summary>
internal static class LayerMark
{
    private const string Name = "checked";

    private static string Boot { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id");

    public static bool IsFresh(LayerLease lease)
    {
        try
        {
            return File.ReadAllText(Path.Combine(Path.GetDirectoryName(lease.RootPath)!, Name)) == Boot;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }

    public static void Write(LayerLease lease) => Write(Path.GetDirectoryName(lease.RootPath)!);

    public static void Write(string folder) => File.WriteAllText(Path.Combine(folder, Name), Boot);
}
