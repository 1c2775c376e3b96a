using System.Collections.Frozen;

namespace TestGrid.Core.Config.Schema;

/// <summary>The values that a key with a fixed list takes, and their other names.</summary>
/// <param name="Known">The values.</param>
/// <param name="Aliases">Other names, as Travis takes them.</param>
internal sealed record ValueTable(FrozenSet<string> Known, FrozenDictionary<string, string> Aliases)
{
    public static readonly ValueTable Language = new(
        [
            "android",
            "c",
            "clojure",
            "cpp",
            "crystal",
            "csharp",
            "d",
            "dart",
            "elixir",
            "elm",
            "erlang",
            "generic",
            "go",
            "groovy",
            "haskell",
            "haxe",
            "java",
            "julia",
            "matlab",
            "nix",
            "node_js",
            "objective-c",
            "perl",
            "perl6",
            "php",
            "python",
            "r",
            "ruby",
            "rust",
            "scala",
            "shell",
            "smalltalk",
        ],
        Map(
            "javascript>node_js",
            "js>node_js",
            "node>node_js",
            "nodejs>node_js",
            "golang>go",
            "c++>cpp",
            "jvm>java",
            "bash>shell",
            "sh>shell",
            "minimal>shell",
            "swift>objective-c",
            "objective_c>objective-c"
        )
    );

    public static readonly ValueTable Os = new(
        ["linux", "osx", "windows", "freebsd", "linux-ppc64le"],
        Map("ubuntu>linux", "mac>osx", "macos>osx", "macosx>osx", "ios>osx", "bsd>freebsd", "win>windows")
    );

    public static readonly ValueTable Arch = new(
        ["amd64", "arm64", "ppc64le", "s390x", "i386", "arm64-graviton2"],
        Map("x86_64>amd64", "x64>amd64", "power>ppc64le", "ppc>ppc64le", "ppc64>ppc64le", "x86>i386")
    );

    /// <summary>What a version that is not here means.</summary>
    public static readonly ValueTable Versions = new(["exact", "nearest"], Map());

    public static readonly ValueTable Service = new(
        [
            "cassandra",
            "couchdb",
            "docker",
            "elasticsearch",
            "memcached",
            "mongodb",
            "mysql",
            "neo4j",
            "postgresql",
            "rabbitmq",
            "redis",
            "riak",
            "xvfb",
            "cri-dockerd",
        ],
        Map("memcache>memcached", "postgres>postgresql", "rabbitmq-server>rabbitmq", "redis-server>redis")
    );

    public static readonly ValueTable Dist = Of(
        "trusty",
        "precise",
        "xenial",
        "bionic",
        "focal",
        "jammy",
        "noble",
        "server-2016",
        "rhel8"
    );

    public static readonly ValueTable MergeMode = Of("merge", "deep_merge", "deep_merge_append", "deep_merge_prepend");

    private static readonly string[] Truths =
    [
        "true",
        "on",
        "yes",
        "enabled",
        "required",
        "false",
        "off",
        "no",
        "disabled",
        "not required",
    ];

    /// <summary>Yes or no, slips of the pen mended; null for any other word.</summary>
    public static bool? NearTruth(string word) => Truth(word) ?? Truth(KeyRepair.Nearest(word.Trim(), Truths));

    /// <summary>Travis's words for yes and no; null for any other.</summary>
    public static bool? Truth(string? word) =>
        word?.Trim().ToLowerInvariant() switch
        {
            "true" or "on" or "yes" or "enabled" or "required" => true,
            "false" or "off" or "no" or "disabled" or "not required" => false,
            _ => null,
        };

    /// <summary>The value that was meant, or null when no list knows it.</summary>
    /// <param name="written">What is written.</param>
    /// <param name="exactly">Other names count, slips of the pen do not.</param>
    public string? Find(string written, bool exactly = false)
    {
        if (Known.Contains(written))
            return written;
        if (Aliases.TryGetValue(written, out var alias))
            return alias;
        if (exactly)
            return null;
        var line = written.Split('\n')[0];
        if (Known.Contains(line))
            return line;
        if (KeyRepair.Nearest(line, Known) is { } near)
            return near;
        var word = line.Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault("");
        string[] cleaned =
        [
            word,
            string.Concat(line.Where(c => char.IsAsciiLetterOrDigit(c) || c == '_')).ToLowerInvariant(),
            string.Concat(word.Where(char.IsAsciiLetterLower)),
        ];
        return cleaned.FirstOrDefault(Known.Contains);
    }

    /// <summary>A table of these values only.</summary>
    public static ValueTable Of(params string[] values) => new([.. values], FrozenDictionary<string, string>.Empty);

    /// <summary>Pairs of <c>other-name>value</c>.</summary>
    public static FrozenDictionary<string, string> Map(params string[] pairs) =>
        pairs.Select(pair => pair.Split('>')).ToFrozenDictionary(pair => pair[0], pair => pair[1]);
}
