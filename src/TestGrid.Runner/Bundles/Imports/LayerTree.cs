using System.Formats.Tar;
using System.IO.MemoryMappedFiles;
using System.Text;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles.Imports;

/// <summary>
/// The tree that layers make, one upon the other (image-spec 1.0, <c>layer.md</c>), as a model: no path of a stranger's layer
/// is opened here. A layer that leads out of the tree, through a link, or to a device is refused.
/// </summary>
/// <param name="contents">A new file, for all files' contents one behind the other.</param>
internal sealed class LayerTree(FileStream contents)
{
    /// <summary>Of all layers together: the largest bundle that is shipped has a third of it.</summary>
    public const int MostEntries = 300_000;

    private const int Deepest = 128;
    private const int LongestPath = 4095;
    private const string Whiteout = ".wh.";
    private const string Opaque = ".wh..wh..opq";
    private const string CapabilityKey = "SCHILY.xattr.security.capability";

    private readonly Node root = new() { Type = 'd', Mode = 0x1ED };
    private int entries;
    private int layer;

    /// <param name="tar">Not packed.</param>
    /// <param name="whiteouts">Whether <c>.wh.</c> in a name takes away what lower layers have: not in a plain tar.</param>
    /// <param name="named">What it is called in messages.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="BundleException">It is refused; the message names the entry.</exception>
    public async Task AddAsync(Stream tar, bool whiteouts, string named, CancellationToken stop)
    {
        layer++;
        await using var reader = new TarReader(tar, leaveOpen: true);
        while (await reader.GetNextEntryAsync(copyData: false, stop) is { } entry)
        {
            if (++entries > MostEntries)
                throw new BundleException($"{named} is refused: there are more than {MostEntries} entries.");
            if (entry.EntryType == TarEntryType.GlobalExtendedAttributes)
                continue;
            if (Why(entry.Name, out var parts) is { } why)
                throw Refused(named, entry.Name, why);
            var path = Encoding.UTF8.GetBytes(string.Join('/', parts));
            if (parts.Length > 0 && !Manifest.IsEngines(path))
                await AddAsync(entry, parts, whiteouts, named, stop);
        }
    }

    /// <summary>Writes the tree as one tar that has no trick in it: sorted, folders first, no times.</summary>
    public async Task WriteAsync(Stream output, CancellationToken stop)
    {
        await contents.FlushAsync(stop);
        using var map =
            contents.Length == 0
                ? null
                : MemoryMappedFile.CreateFromFile(
                    contents,
                    null,
                    0,
                    MemoryMappedFileAccess.Read,
                    HandleInheritability.None,
                    leaveOpen: true
                );
        await using var tar = new TarWriter(output, TarEntryFormat.Pax, leaveOpen: true);
        await WriteAsync(tar, map, root, "", stop);
    }

    private async Task AddAsync(TarEntry entry, string[] parts, bool whiteouts, string named, CancellationToken stop)
    {
        var folder = root;
        for (var i = 0; i < parts.Length - 1; i++)
        {
            if (whiteouts && parts[i].StartsWith(Whiteout, StringComparison.Ordinal))
                throw Refused(named, entry.Name, "a whiteout is no folder");
            if (!folder.Children.TryGetValue(parts[i], out var next))
                folder.Children[parts[i]] = next = new Node
                {
                    Type = 'd',
                    Mode = 0x1ED,
                    Layer = layer,
                };
            if (next.Type != 'd')
                throw Refused(named, entry.Name, $"{parts[i]} is no folder, and nothing leads through a link");
            folder = next;
        }
        var name = parts[^1];
        if (whiteouts && name.StartsWith(Whiteout, StringComparison.Ordinal))
        {
            TakeAway(folder, name, named, entry.Name);
            return;
        }
        var node = await NodeAsync(entry, named, stop);
        if (node.Type == 'd' && folder.Children.TryGetValue(name, out var before) && before.Type == 'd')
            node.Children = before.Children;
        folder.Children[name] = node;
    }

    private void TakeAway(Node folder, string name, string named, string path)
    {
        if (name == Opaque)
        {
            Prune(folder);
            return;
        }
        var gone = name[Whiteout.Length..];
        if (gone.StartsWith(Whiteout, StringComparison.Ordinal))
            return; // what aufs keeps for itself
        if (gone is "" or "." or "..")
            throw Refused(named, path, "it takes away no name");
        if (folder.Children.TryGetValue(gone, out var node) && !Stays(node))
            folder.Children.Remove(gone);
    }

    // A whiteout is about lower layers, wherever it stands in its own.
    private void Prune(Node folder)
    {
        foreach (var (name, node) in folder.Children.ToArray())
        {
            if (!Stays(node))
                folder.Children.Remove(name);
        }
    }

    private bool Stays(Node node)
    {
        if (node.Type == 'd')
            Prune(node);
        return node.Layer == layer || node.Children.Count > 0;
    }

    private async Task<Node> NodeAsync(TarEntry entry, string named, CancellationToken stop)
    {
        if (entry.Uid is < 0 or > 65535 || entry.Gid is < 0 or > 65535)
            throw Refused(named, entry.Name, $"it belongs to {entry.Uid}:{entry.Gid}, and ids end at 65535");
        var node = new Node
        {
            Mode = (int)entry.Mode & 0xFFF,
            User = entry.Uid,
            Group = entry.Gid,
            Layer = layer,
        };
        switch (entry.EntryType)
        {
            case TarEntryType.Directory:
                node.Type = 'd';
                return node;
            case TarEntryType.SymbolicLink:
                node.Type = 'l';
                node.Link = entry.LinkName;
                return entry.LinkName.Length is > 0 and <= LongestPath && !entry.LinkName.Contains('\uFFFD')
                    ? node
                    : throw Refused(named, entry.Name, "its target is no path");
            case TarEntryType.HardLink:
                var target = Why(entry.LinkName, out var parts) is null ? Find(parts) : null;
                return target?.Type == 'f'
                    ? target.At(layer)
                    : throw Refused(
                        named,
                        entry.Name,
                        $"it is a hard link to '{entry.LinkName}', which is no file here"
                    );
            case TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile:
                node.Type = 'f';
                node.Capability = Capability(entry, named);
                var at = contents.Length;
                contents.Position = at;
                if (entry.DataStream is { } data)
                    await data.CopyToAsync(contents, stop);
                node.FileContent = new FileContent(at, contents.Position - at);
                return node;
            default:
                throw Refused(named, entry.Name, $"a {entry.EntryType} is in no bundle");
        }
    }

    private static string? Capability(TarEntry entry, string named)
    {
        if ((entry as PaxTarEntry)?.ExtendedAttributes.GetValueOrDefault(CapabilityKey) is not { } value)
            return null;
        return value.Contains('\uFFFD')
            ? throw Refused(named, entry.Name, "its file capabilities cannot be read")
            : value;
    }

    private Node? Find(string[] parts)
    {
        var node = root;
        foreach (var part in parts)
        {
            if (node.Type != 'd' || !node.Children.TryGetValue(part, out node))
                return null;
        }
        return node;
    }

    private static string? Why(string name, out string[] parts)
    {
        parts = name.Split('/');
        if (name.Length is 0 or > LongestPath || name.StartsWith('/'))
            return "it is no path within the tree";
        if (parts[0] == ".")
            parts = parts[1..];
        if (parts is [.. var most, ""])
            parts = most;
        if (parts.Length > Deepest)
            return $"it is more than {Deepest} folders deep";
        if (name.Contains('\uFFFD') || name.Contains('\0'))
            return "its name is no UTF-8";
        return parts.Any(part => part is "" or "." or ".." || Encoding.UTF8.GetByteCount(part) > 255)
            ? "it leads elsewhere than it says"
            : null;
    }

    private static async Task WriteAsync(
        TarWriter tar,
        MemoryMappedFile? map,
        Node folder,
        string prefix,
        CancellationToken stop
    )
    {
        foreach (var (name, node) in folder.Children.OrderBy(child => child.Key, StringComparer.Ordinal))
        {
            var path = prefix + name;
            var shared = node.FileContent?.Path;
            var entry = new PaxTarEntry(
                node.Type switch
                {
                    'd' => TarEntryType.Directory,
                    'l' => TarEntryType.SymbolicLink,
                    _ => shared is null ? TarEntryType.RegularFile : TarEntryType.HardLink,
                },
                "./" + path,
                node.Capability is { } value ? [new(CapabilityKey, value)] : []
            )
            {
                Mode = (UnixFileMode)node.Mode,
                Uid = node.User,
                Gid = node.Group,
                ModificationTime = DateTimeOffset.UnixEpoch,
            };
            if (node.Type == 'l' || shared is not null)
                entry.LinkName = shared ?? node.Link;
            if (node.FileContent is { Path: null } content)
            {
                content.Path = "./" + path;
                if (content.Bytes > 0)
                    entry.DataStream = map!.CreateViewStream(content.At, content.Bytes, MemoryMappedFileAccess.Read);
            }
            await tar.WriteEntryAsync(entry, stop);
            if (entry.DataStream is { } data)
                await data.DisposeAsync();
            if (node.Type == 'd')
                await WriteAsync(tar, map, node, path + "/", stop);
        }
    }

    private static BundleException Refused(string named, string path, string why) =>
        new($"{named} is refused: '{(path.Length <= 200 ? path : path[..200] + "…")}': {why}.");

    private sealed class FileContent(long at, long bytes)
    {
        public long At => at;

        public long Bytes => bytes;

        public string? Path { get; set; }
    }

    private sealed class Node
    {
        public char Type { get; set; }
        public int Mode { get; init; }
        public int User { get; init; }
        public int Group { get; init; }
        public int Layer { get; init; }
        public string Link { get; set; } = "";
        public string? Capability { get; set; }
        public FileContent? FileContent { get; set; }
        public Dictionary<string, Node> Children { get; set; } = new(StringComparer.Ordinal);

        public Node At(int layer) =>
            new()
            {
                Type = Type,
                Mode = Mode,
                User = User,
                Group = Group,
                Layer = layer,
                Capability = Capability,
                FileContent = FileContent,
            };
    }
}
