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

    /// <summary>Travis's words for yes and no; null for any other.</summary>
    public static bool? Truth(string? word) =>
        word?.Trim().ToLowerInvariant() switch
        {
            "true" or "on" or "yes" or "enabled" or "required" => true,
            "false" or "off" or "no" or "disabled" or "not required" => false,
            _ => null,
        };

    /// <summary>The value that was meant, or null when no list knows it.</summary>
    public string? Find(string written)
    {
        var word = written.Trim();
        if (Known.Contains(word))
            return word;
        word = word.ToLowerInvariant();
        return Known.Contains(word) ? word
            : Aliases.TryGetValue(word, out var alias) ? alias
            : KeyRepair.Nearest(word, Known);
    }

    private static FrozenDictionary<string, string> Map(params string[] pairs) =>
        pairs.Select(pair => pair.Split('>')).ToFrozenDictionary(pair => pair[0], pair => pair[1]);
}
