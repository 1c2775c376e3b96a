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
    /// <param name="rules">The packet filter; empty for a pod without a network.</param>
    public static void Write(string folder, string rules)
    {
        Directory.CreateDirectory(Path.Combine(folder, "t"));
        File.WriteAllText(Path.Combine(folder, "nft"), rules);
    }

    /// <summary>Whether a pod's packet filter is this one. The host's addresses may have changed since it was made.</summary>
    public static bool HasRules(string folder, string rules)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "nft")) == rules;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // somebody cleaned up under a pod that waited
        }
    }
}
