using System.Collections.Frozen;

namespace TestGrid.Core.Config.Schema;

/// <summary>The <c>addons</c>.</summary>
internal static class AddonShapes
{
    public static MapShape All(Shape deploy)
    {
        var source = Prefixed("name sourceline key_url", "name");
        var keys = ShapeText.Keys(
            "apt:apt apt_packages:texts artifacts:artifacts browserstack:browserstack chrome:chrome"
                + " code_climate:climate coverity_scan:coverity homebrew:homebrew hostname hosts:texts jwt:secrets"
                + " sauce_connect:sauce pkg:pkg srcclr:srcclr snaps:snaps sonarcloud:sonarcloud ssh_known_hosts:secrets"
                + " firefox mariadb postgresql|postgres rethinkdb deploy:deploy sbom:map",
            (
                "apt",
                Switch(
                    "packages|package:texts sources|source:sources dist update:bool config:config",
                    "packages",
                    ("sources", ShapeText.ListOf(source)),
                    ("config", ShapeText.Map("retries:bool"))
                )
            ),
            (
                "artifacts",
                Switch(
                    "enabled:bool bucket endpoint key|aws_access_key_id|aws_access_key|access_key_id|access_key:secret"
                        + " secret|aws_secret_access_key|aws_secret_key|secret_access_key|secret_key:secret"
                        + " region|s3_region paths:texts branch log_format target_paths:texts debug:bool concurrency:num"
                        + " max_size:num permissions working_dir cache_control",
                    null
                )
            ),
            (
                "browserstack",
                Switch(
                    "username:secret access_key:secret forcelocal:bool only app_path proxyHost proxyPort proxyUser"
                        + " proxyPass:secret",
                    null
                )
            ),
            ("chrome", new TextShape { Values = ValueTable.Of("stable", "beta"), IsLowercase = true }),
            ("climate", Switch("repo_token:secret", "repo_token")),
            (
                "coverity",
                Switch(
                    "project:project build_script_url branch_pattern notification_email:secret build_command"
                        + " build_command_prepend",
                    null,
                    ("project", Prefixed("name version description", "name"))
                )
            ),
            (
                "homebrew",
                Switch(
                    "update:bool packages:texts casks:texts taps:texts brewfile:boolortext",
                    "packages",
                    ("boolortext", new AnyShape([ShapeText.Truth, ShapeText.Text]))
                )
            ),
            (
                "sauce",
                Switch(
                    "enabled:bool username:secret access_key:secret direct_domains tunnel_domains no_ssl_bump_domains",
                    null
                )
            ),
            ("pkg", Switch("packages|package:texts branch", "packages")),
            (
                "srcclr",
                new AnyShape([
                    new MapShape
                    {
                        Keys = FrozenDictionary<string, Shape>.Empty,
                        IsStrict = false,
                        IsNormal = true,
                    },
                    new TruthShape { IsNormal = true },
                ])
            ),
            ("snaps", ShapeText.ListOf(Prefixed("name classic:bool channel", "name"))),
            ("sonarcloud", Switch("enabled:bool organization token:secret github_token:secret branches:texts", null)),
            ("deploy", deploy)
        );
        return new MapShape { Keys = keys.ToFrozenDictionary(), Aliases = ShapeText.Aliases("postgresql|postgres") };
    }

    private static AnyShape Prefixed(string keys, string prefix) =>
        new([WithPrefix(keys, prefix, false, []), ShapeText.Text]);

    private static AnyShape Switch(string keys, string? prefix, params (string, Shape)[] own) =>
        new([WithPrefix(keys, prefix, true, own)]);

    private static MapShape WithPrefix(string keys, string? prefix, bool isSwitch, (string, Shape)[] own) =>
        new()
        {
            Keys = ShapeText.Keys(keys, own).ToFrozenDictionary(),
            Aliases = ShapeText.Aliases(keys),
            Prefix = prefix,
            IsSwitch = isSwitch,
            IsNormal = true,
        };
}
