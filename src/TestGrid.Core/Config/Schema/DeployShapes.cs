using System.Collections.Frozen;

namespace TestGrid.Core.Config.Schema;

/// <summary>The providers of <c>deploy</c> and what each takes, a line each.</summary>
internal static class DeployShapes
{
    private const string Common =
        " on|true:conditions run:texts allow_failure:bool cleanup:bool skip_cleanup:bool edge:edge";

    private const string Aws = "access_key_id:secret secret_access_key:secret region ";

    private static readonly (string Name, string Keys)[] Providers =
    [
        ("anynines", "username:secret password:secret organization space app_name buildpack manifest logout:bool"),
        ("azure_web_apps", "site slot username:secret password:secret verbose:bool"),
        ("bintray", "user:secret key:secret file passphrase:secret url"),
        (
            "bluemixcloudfoundry",
            "username:secret password:secret organization api space region buildpack manifest skip_ssl_validation:bool"
                + " app_name logout:bool"
        ),
        ("boxfuse", "user:secret secret:secret config_file|configfile payload app version env extra_args"),
        ("cargo", "token:secret allow_dirty:bool"),
        ("chef_supermarket", "user_id client_key name|cookbook_name category|cookbook_category dir"),
        ("cloud66", "redeployment_hook:secret"),
        ("cloudfiles", "username:secret api_key:secret region container glob dot_match:bool"),
        (
            "cloudformation",
            Aws
                + "template stack_name stack_name_prefix promote:bool role_arn sts_assume_role capabilities:texts wait:bool"
                + " wait_timeout:num create_timeout:num parameters:texts output_file"
        ),
        (
            "cloudfoundry",
            "username:secret password:secret organization api space buildpack manifest skip_ssl_validation:bool app_name"
                + " logout:bool v3:bool"
        ),
        (
            "codedeploy",
            Aws
                + "application deployment_group revision_type:revision commit_id description repository"
                + " file_exists_behavior:behavior wait_until_deployed:bool bucket key bundle_type endpoint"
        ),
        (
            "convox",
            "host app rack password:secret install_url update_cli:bool create:bool promote:bool env:texts env_file"
                + " description generation:num"
        ),
        ("datica", "target path"),
        (
            "elasticbeanstalk",
            Aws
                + "bucket|bucket_name app:textormap env:textormap description label zip_file bucket_path"
                + " only_create_app_version:bool wait_until_deployed:bool debug:bool"
        ),
        (
            "engineyard",
            "email:secret password:secret api_key:secret account:secret app:textormap env|environment:textormap migrate"
        ),
        ("firebase", "project token:secret message only force:bool"),
        ("flynn", "git:secret"),
        (
            "gae",
            "project keyfile config:texts version verbosity promote:bool no_promote:bool stop_previous_version:bool"
                + " no_stop_previous_version:bool install_sdk:bool"
        ),
        (
            "gcs",
            "key_file access_key_id:secret secret_access_key:secret bucket upload_dir local_dir dot_match:bool acl"
                + " cache_control detect_encoding:bool"
        ),
        (
            "git_push",
            "token|github_token:secret deploy_key repo branch base_branch commit_message allow_empty_commit:bool"
                + " allow_same_branch:bool force:bool local_dir name email host enterprise:bool"
        ),
        ("gleis", "app username password:secret key_name verbose:bool"),
        ("hackage", "username:secret password:secret publish:bool"),
        ("hephy", "controller username:secret password:secret app cli_version verbose:bool"),
        ("heroku", "strategy:apiorgit api_key:secretormap username|user:secret password:secret app:textormap git"),
        (
            "lambda",
            Aws
                + "function_name role handler_name module_name zip description timeout memory_size runtime"
                + " security_group_ids:texts environment|environment_variables:secrets subnet_ids:texts dead_letter_arn"
                + " kms_key_arn tracing_mode:tracing layers:texts publish:bool function_tags:secrets dot_match:bool"
        ),
        ("launchpad", "slug oauth_token:secret oauth_token_secret:secret"),
        ("netlify", "site auth:secret dir functions message prod:bool"),
        ("npm", "email:secret api_token|api_key:secret access:access registry src tag auth_method"),
        ("openshift", "server token:secret project app"),
        (
            "opsworks",
            Aws
                + "app_id instance_ids:texts layer_ids:texts migrate:bool wait_until_deployed:bool custom_json"
                + " update_on_success|update_app_on_success:bool"
        ),
        (
            "packagecloud",
            "username:secret token:secret repository local_dir dist package_glob:texts force:bool connect_timeout:num"
                + " read_timeout:num write_timeout:num"
        ),
        (
            "pages",
            "strategy:apiorgit token|github_token:secret deploy_key repo target_branch local_dir fqdn project_name email"
                + " name url|github_url keep_history:bool verbose:bool allow_empty_commit:bool commit_message"
                + " committer_from_gh:bool deployment_file:bool"
        ),
        ("puppetforge", "username|user:secret password:secret url"),
        (
            "pypi",
            "username|user:secret password:secret server distributions docs_dir skip_existing:bool upload_docs:bool"
                + " skip_upload_docs:bool twine_check:bool remove_build_dir:bool setuptools_version twine_version"
                + " wheel_version"
        ),
        (
            "releases",
            "username|user:secret password:secret token|api_key:secret repo file:texts file_glob:bool overwrite:bool"
                + " draft:bool name prerelease:bool release_number release_notes|body release_notes_file tag_name"
                + " target_commitish"
        ),
        (
            "rubygems",
            "api_key:secretormap username|user:secretormap password:secretormap gem:textormap gemspec gemspec_glob host"
        ),
        (
            "s3",
            Aws
                + "bucket endpoint upload_dir local_dir glob dot_match:bool acl detect_encoding:bool cache_control:texts"
                + " expires:texts default_text_charset storage_class server_side_encryption:bool index_document_suffix"
                + " overwrite:bool force_path_style:bool max_threads:num verbose:bool"
        ),
        (
            "scalingo",
            "api_token|api_key:secret username|user:secret password:secret remote branch app region timeout:num"
        ),
        ("script", "script"),
        ("snap", "snap channel token:secret"),
        ("surge", "login:secret token:secret project domain"),
        (
            "testfairy",
            "api_key:secret app_file symbols_file testers_groups notify:bool auto_update:bool advanced_options"
        ),
        ("transifex", "api_token:secret username:secret password:secret hostname cli_version"),
    ];

    /// <summary><c>deploy</c>: a list of providers.</summary>
    public static Shape All(Dictionary<string, Shape> languageKeys)
    {
        var branches = new AnyShape([
            new AnyShape([new ListShape(ShapeText.Text) { IsNormal = true }, ShapeText.Text]) { IsNormal = true },
            new MapShape
            {
                Keys = FrozenDictionary<string, Shape>.Empty,
                IsStrict = false,
                IsNormal = true,
            },
        ]);
        var keys = ShapeText.Keys(
            "os:os branch:branches repo condition:texts all_branches:bool tags:bool",
            ("os", new TextShape { Values = ValueTable.Os, IsLowercase = true }),
            ("branches", branches)
        );
        foreach (var (key, shape) in languageKeys)
            keys.TryAdd(key, shape);
        var conditions = new AnyShape([
            new MapShape
            {
                Keys = keys.ToFrozenDictionary(),
                Aliases = ShapeText.Aliases(ConfigShape.AxisAliases),
                Prefix = "branch",
                IsPrefixForTexts = true,
                IsNormal = true,
            },
            branches,
        ]);
        var edge = new AnyShape([ShapeText.Truth, ShapeText.Map("enabled:bool source branch")]);
        return ShapeText.ListOf(
            new AnyShape(
                [.. Providers.Select(provider => Provider(provider.Name, provider.Keys, conditions, edge))],
                "provider"
            )
        );
    }

    private static AnyShape Provider(string name, string keys, Shape conditions, Shape edge)
    {
        var named = new TextShape { Values = ValueTable.Of(name), IsStrict = true };
        var text = keys + Common + " provider:named";
        return new AnyShape([
            new MapShape
            {
                Keys = ShapeText
                    .Keys(
                        text,
                        ("conditions", conditions),
                        ("edge", edge),
                        ("named", named),
                        ("apiorgit", new TextShape { Values = ValueTable.Of("api", "git") }),
                        ("access", new TextShape { Values = ValueTable.Of("public", "private") }),
                        ("tracing", new TextShape { Values = ValueTable.Of("Active", "PassThrough") }),
                        ("revision", new TextShape { Values = ValueTable.Of("s3", "github") }),
                        ("behavior", new TextShape { Values = ValueTable.Of("disallow", "overwrite", "retain") })
                    )
                    .ToFrozenDictionary(),
                Aliases = ShapeText.Aliases(text),
                Prefix = "provider",
                IsPrefixForTexts = true,
                Default =
                    name == "heroku" ? KeyValuePair.Create("strategy", "api")
                    : name == "pages" ? KeyValuePair.Create("strategy", "git")
                    : null,
                IsNormal = true,
            },
            named,
        ])
        {
            IsNormal = true,
        };
    }
}
