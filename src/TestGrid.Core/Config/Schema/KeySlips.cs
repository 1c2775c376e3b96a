using System.Collections.Frozen;

namespace TestGrid.Core.Config.Schema;

/// <summary>
/// Words that people write for a key and that are too far from it, letter by letter, to be found as its slip.
/// </summary>
internal static class KeySlips
{
    public static readonly FrozenDictionary<string, string> Meant = Table(
        "addons: add-ons add_ons",
        "after_script: after_test",
        "allow_failures: allowable_failures allows_failures known_failures allow_features allow_failure",
        "apt: aps api",
        "apt_packages: r_apt_packages",
        "before_cache: before_archive",
        "before_script: before_setup before_scripting jruby_before_script",
        "bucket: s3_bucket",
        "bundler: bundle",
        "bundler_args: bundle_args builder_args",
        "cache: cached caches cach pcache",
        "components: component",
        "directories: directory",
        "dist: distro disty",
        "email: mail emails",
        "env: ebv eenv envs evn henv",
        "global: globals",
        "install: preinstall install_r",
        "jdk: idk jkd jdks",
        "lein: lien",
        "licenses: license licences",
        "node_js: mode_js nodje",
        "on_failure: on_failed",
        "on_start: on_started",
        "packages: package",
        "php: phps phpp",
        "podfile: profile",
        "postgresql: postgres",
        "recipients: recipient",
        "rooms: room",
        "rvm: rmv rvms gvm",
        "sauce_connect: source_connect",
        "sources: source",
        "submodules: submodule",
        "sudo: sodo sodu sudu udo dudo",
        "tags: tag ags",
        "target_paths: target_path target-path",
        "urls: url",
        "version: versions",
        "virtualenv: virtual_env"
    );

    /// <summary>Words that are near a key and mean something else.</summary>
    public static readonly FrozenSet<string> Stops =
    [
        "after_vendor",
        "erlang",
        "gcc",
        "golang",
        "html",
        "jvm",
        "nvm",
        "osx",
        "pgsql",
        "prose",
        "sdk",
        "start_script",
        "test",
        "trusty",
        "vimscript",
    ];

    private static FrozenDictionary<string, string> Table(params string[] lines) =>
        lines
            .Select(line => line.Split(": "))
            .SelectMany(line => line[1].Split(' ').Select(word => (word, line[0])))
            .ToFrozenDictionary(pair => pair.word, pair => pair.Item2);
}
