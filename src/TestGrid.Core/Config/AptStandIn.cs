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
        ["bsdtar"] = "libarchive-tools",
        ["chromium-browser"] = "chromium chromium-browser=chromium",
        ["chromium-chromedriver"] = "chromium-driver",
        ["cmake3"] = "cmake cmake3=cmake",
        ["ctags"] = "universal-ctags",
        ["dh-systemd"] = "debhelper",
        ["enchant"] = "enchant-2",
        ["expect-dev"] = "expect",
        ["firefox"] = "firefox-esr firefox=firefox-esr",
        ["git-core"] = "git",
        ["libasound-dev"] = "libasound2-dev",
        ["libatlas-dev"] = "libatlas-base-dev",
        ["libcurl3"] = "libcurl4",
        ["libcurl3-dev"] = "libcurl4-openssl-dev",
        ["libenchant-dev"] = "libenchant-2-dev",
        ["libgcc1"] = "libgcc-s1",
        ["libgcrypt11-dev"] = "libgcrypt20-dev",
        ["libgsl0-dev"] = "libgsl-dev",
        ["libhdf5-serial-dev"] = "libhdf5-dev",
        ["libjpeg-turbo8-dev"] = "libjpeg62-turbo-dev",
        ["libjpeg62-dev"] = "libjpeg-dev",
        ["libjpeg8-dev"] = "libjpeg-dev",
        ["libjson0-dev"] = "libjson-c-dev",
        ["libmariadbclient-dev"] = "libmariadb-dev",
        ["libmysqlclient-dev"] = "default-libmysqlclient-dev",
        ["libpng12-dev"] = "libpng-dev",
        ["libpng16-dev"] = "libpng-dev",
        ["libreadline6-dev"] = "libreadline-dev",
        ["libsndfile-dev"] = "libsndfile1-dev",
        ["libtiff4-dev"] = "libtiff-dev",
        ["libusb-1.0.0-dev"] = "libusb-1.0-0-dev",
        ["libuv-dev"] = "libuv1-dev",
        ["libxslt-dev"] = "libxslt1-dev",
        ["libz-dev"] = "zlib1g-dev",
        ["libzmq-dev"] = "libzmq3-dev",
        ["openjdk-11-jre"] = "default-jre",
        ["openjdk-11-jre-headless"] = "default-jre-headless",
        ["openjdk-8-jdk"] = "default-jdk",
        ["openjdk-8-jre"] = "default-jre",
        ["openjdk-8-jre-headless"] = "default-jre-headless",
        ["oracle-java8-installer"] = "default-jdk",
        ["oracle-java8-set-default"] = "default-jdk",
        ["oracle-java8-unlimited-jce-policy"] = "default-jdk",
        ["oracle-java9-installer"] = "default-jdk",
        ["oracle-java9-set-default"] = "default-jdk",
        ["python"] = "python2",
        ["python-dev"] = "python2-dev",
        ["python-virtualenv"] = "virtualenv",
        ["qemu"] = "qemu-system",
        ["qt5-default"] = "qtbase5-dev",
        ["realpath"] = "coreutils",
        ["texlive-math-extra"] = "texlive-science",
        ["transfig"] = "fig2dev",
        ["yarn"] = "yarnpkg yarn=yarnpkg",
    }.ToFrozenDictionary();

    /// <summary>The stand-in of a package, or null: then there is none that means the same.</summary>
    /// <param name="package">As asked for.</param>
    /// <param name="services">What runs beside the job: a server's package there is the server that runs already.</param>
    public static AptStandIn? Of(string package, IEnumerable<JobService> services) =>
        Server.IsMatch(package) && services.Any(one => one.Service.Names.Contains("postgresql"))
            ? new(package, "postgresql-client", [])
            : Of(package);

    /// <summary>The stand-in of a package, whatever runs beside the job.</summary>
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
        if (Haskell.Match(name) is { Success: true } haskell)
            return new(package, haskell.Groups[1].Value, [$"{name}={Program(haskell.Groups[1].Value)}"]);
        if (Python.Match(name) is { Success: true } python)
            return new(package, "python3" + python.Groups[2].Value, [$"{python.Groups[1].Value}=python3"]);
        if (ServerHeaders.IsMatch(name))
            return new(package, "postgresql-server-dev-all", []);
        if (LanguagePack.IsMatch(name))
            return new(package, "locales-all", []);
        if (Standard.IsMatch(name))
            return new(package, "g++", []);
        return Client.IsMatch(name)
            ? new(package, name.StartsWith('m') ? "default-mysql-client" : "postgresql-client", [])
            : null;

        static string Program(string tool) => tool == "cabal-install" ? "cabal" : tool;

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

    // ghc-8.2.2, ghc-head, cabal-install-2.4: of an archive that has every version
    [GeneratedRegex(@"\A(ghc|cabal-install)-(?:head|[0-9]+(?:\.[0-9]+){1,2})\z")]
    private static partial Regex Haskell { get; }

    // python3.6-dev
    [GeneratedRegex(@"\A(python3\.[0-9]{1,2})(-dev|-venv)?\z")]
    private static partial Regex Python { get; }

    [GeneratedRegex(@"\Alibstdc\+\+-[0-9]{1,2}(?:\.[0-9])?-dev\z")]
    private static partial Regex Standard { get; }

    [GeneratedRegex(@"\A(?:mysql-client(?:-core)?(?:-[0-9.]+)?|postgresql-client-[0-9.]+)\z")]
    private static partial Regex Client { get; }

    [GeneratedRegex(@"\Apostgresql-server-dev-[0-9]+(?:\.[0-9]+)?\z")]
    private static partial Regex ServerHeaders { get; }

    // Ubuntu's, with a language's locales in it
    [GeneratedRegex(@"\Alanguage-pack-[a-z]{2,3}(?:-base)?\z")]
    private static partial Regex LanguagePack { get; }

    [GeneratedRegex(@"\Apostgresql-[0-9]+(?:\.[0-9]+)?\z")]
    private static partial Regex Server { get; }

    [GeneratedRegex(@"\Agoogle-chrome-(?:stable|beta|unstable)\z")]
    private static partial Regex Chrome { get; }
}
