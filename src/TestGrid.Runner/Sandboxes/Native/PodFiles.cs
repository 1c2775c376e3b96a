using System.Globalization;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// What a pod's folder on the host holds, whoever's the pod will be. Inside, it is seen at <see cref="InPod"/>.
/// </summary>
internal static class PodFiles
{
    /// <summary>Where the pod's folder is shown in its mount namespace; every machine has this folder (FHS).</summary>
    public const string InPod = "/mnt";

    /// <summary>The address of slirp4netns' own name server.</summary>
    public const string NameServer = "10.0.2.3";

    /// <summary>The folder of a service, in the pod's in-memory file system.</summary>
    public static string FolderOf(int service) => string.Create(CultureInfo.InvariantCulture, $"s{service}");

    /// <param name="folder">The pod's.</param>
    /// <param name="filter">The packet filter; empty for a pod without a network.</param>
    public static void Write(string folder, byte[] filter)
    {
        Directory.CreateDirectory(Path.Combine(folder, "t"));
        File.WriteAllBytes(Path.Combine(folder, "filter"), filter);
    }

    /// <summary>Whether a pod's packet filter is this one. The host's addresses may have changed since it was made.</summary>
    public static bool HasFilter(string folder, byte[] filter)
    {
        try
        {
            return File.ReadAllBytes(Path.Combine(folder, "filter")).AsSpan().SequenceEqual(filter);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // somebody cleaned up under a pod that waited
        }
    }
}
