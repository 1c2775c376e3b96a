using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace TestGrid.Core.Config;

/// <summary>
/// What a job with <c>versions: nearest</c> gets where a package that it asks for is not in its bundle's Debian: the
/// package of the same purpose, and the programs of the other's name.
/// </summary>
/// <param name="Package">As asked for: <c>g++-7</c>.</param>
/// <param name="Instead">What Debian calls it today: <c>g++</c>.</param>
/// <param name="Programs">Further names that programs get: <c>g++-7=g++</c>.</param>
public sealed partial record AptStandIn(string Package, string Instead, ImmutableArray<string> Programs)
{
    // Names of Ubuntu's and of older Debian's packages. Nothing that starts a server, and no other language.
    private static readonly FrozenDictionary<string, string> Renamed = new Dictionary<string, string>
    {
        ["chromium-browser"] = "chromium chromium-browser=chromium",
        ["chromium-chromedriver"] = "chromium-driver",
        ["cmake3"] = "cmake cmake3=cmake",
        ["enchant"] = "enchant-2",
        ["expect-dev"] = "expect",
        ["firefox"] = "firefox-esr firefox=firefox-esr",
        ["git-core"] = "git",
        ["libatlas-dev"] = "libatlas-base-dev",
        ["libcurl3"] = "libcurl4",
        ["libenchant-dev"] = "libenchant-2-dev",
        ["libgcc1"] = "libgcc-s1",
        ["libgsl0-dev"] = "libgsl-dev",
        ["libhdf5-serial-dev"] = "libhdf5-dev",
        ["libjpeg62-dev"] = "libjpeg-dev",
        ["libjpeg8-dev"] = "libjpeg-dev",
        ["libjson0-dev"] = "libjson-c-dev",
        ["libmysqlclient-dev"] = "default-libmysqlclient-dev",
        ["libpng12-dev"] = "libpng-dev",
        ["libreadline6-dev"] = "libreadline-dev",
        ["libsndfile-dev"] = "libsndfile1-dev",
        ["libxslt-dev"] = "libxslt1-dev",
        ["libz-dev"] = "zlib1g-dev",
        ["python"] = "python2",
        ["python-dev"] = "python2-dev",
        ["python-virtualenv"] = "virtualenv",
        ["qt5-default"] = "qtbase5-dev",
        ["realpath"] = "coreutils",
    }.ToFrozenDictionary();

    /// <summary>The stand-in of a package, or null: then there is none that means the same.</summary>
    public static AptStandIn? Of(string package)
    {
        var (name, architecture) = package.Split('=', '/')[0].Split(':') is [var bare, var arch]
            ? (bare, ":" + arch)
            : (package.Split('=', '/')[0], "");
        if (Renamed.TryGetValue(name, out var renamed))
        {
            var words = renamed.Split(' ');
            return new(package, words[0] + architecture, [.. words[1..]]);
        }
        if (Chrome.IsMatch(name))
            return new(package, "chromium", ["google-chrome=chromium", "google-chrome-stable=chromium"]);
        if (Compiler.Match(name) is { Success: true } compiler)
        {
            var (tool, version, kind) = (compiler.Groups[1].Value, compiler.Groups[2].Value, compiler.Groups[3].Value);
            return new(
                package,
                tool + kind + architecture,
                [.. Programs(tool).Select(one => $"{one}-{version}={one}")]
            );
        }
        if (Library.Match(name) is { Success: true } library)
            return new(package, library.Groups[1].Value + library.Groups[2].Value + "-dev" + architecture, []);
        if (Standard.IsMatch(name))
            return new(package, "g++", []);
        return Client.IsMatch(name)
            ? new(package, name.StartsWith('m') ? "default-mysql-client" : "postgresql-client", [])
            : null;

        static string[] Programs(string tool) =>
            tool switch
            {
                "gcc" => ["gcc", "gcov", "gcc-ar", "gcc-nm", "gcc-ranlib", "cpp"],
                "clang" => ["clang", "clang++"],
                "llvm" => ["llvm-config", "llvm-cov", "llvm-symbolizer"],
                _ => [tool],
            };
    }

    // g++-7, clang-format-6.0, llvm-5.0-dev, gcc-8-multilib
    [GeneratedRegex(
        @"\A(gcc|g\+\+|cpp|gfortran|gobjc|clang|clang-format|clang-tidy|lld|lldb|llvm)-([0-9]{1,2}(?:\.[0-9])?)(-multilib|-dev|-tools|-runtime)?\z"
    )]
    private static partial Regex Compiler { get; }

    // libboost1.55-dev, libboost-system1.58-dev, libboost1.55-all-dev
    [GeneratedRegex(@"\A(libboost(?:-[a-z-]+?)?)1\.[0-9]{2}(-all)?-dev\z")]
    private static partial Regex Library { get; }

    [GeneratedRegex(@"\Alibstdc\+\+-[0-9]{1,2}(?:\.[0-9])?-dev\z")]
    private static partial Regex Standard { get; }

    [GeneratedRegex(@"\A(?:mysql-client(?:-core)?(?:-[0-9.]+)?|postgresql-client-[0-9.]+)\z")]
    private static partial Regex Client { get; }

    [GeneratedRegex(@"\Agoogle-chrome-(?:stable|beta|unstable)\z")]
    private static partial Regex Chrome { get; }
}
