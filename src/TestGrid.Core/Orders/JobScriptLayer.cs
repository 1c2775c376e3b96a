using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using TestGrid.Core.Config;

namespace TestGrid.Core.Orders;

/// <summary>Which part of the script of a job with an app layer is run.</summary>
public enum JobPart
{
    /// <summary>All of it in one shell, as without an app layer.</summary>
    Whole,

    /// <summary>Up to the end of <c>install</c>. It then ends with <see cref="JobScript.Installed"/>.</summary>
    Install,

    /// <summary>What follows <see cref="Install"/> in the same sandbox.</summary>
    Rest,

    /// <summary>What follows <c>install</c>, in a sandbox with the layer of an earlier one.</summary>
    Reuse,
}

public static partial class JobScript
{
    /// <summary>The variable that names the part to run (<see cref="JobPart"/>, in lower case); the script takes it away.</summary>
    public const string PartVariable = "TESTGRID_PART";

    /// <summary>The exit code of <see cref="JobPart.Install"/> when it did all that it should: no signal's, no shell's.</summary>
    public const int Installed = 217;

    /// <summary>Files of the script's own in its home, which no layer keeps.</summary>
    public static ImmutableArray<string> OwnFiles { get; } =
    [
        "/home/travis/.travis/functions",
        "/home/travis/.travis/job_stages",
        TemporaryFolder,
        "/home/travis/.testgrid-setup",
    ];

    /// <summary>Phases whose work an app layer holds. <c>apt</c> is the addon's packages.</summary>
    public static ImmutableArray<string> InLayer { get; } = ["setup", "before_install", "install"];

    private static readonly string LayerFunctions = Resource("JobScriptLayer.bash")
        .Replace("@INSTALLED", Installed.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    /// <summary>What of a job decides what its <c>install</c> makes, by what people call it: the commands, and what they see.</summary>
    public static IEnumerable<(string Name, string Text)> LayerTexts(JobConfig config)
    {
        var (environment, packages, commands) = (new StringBuilder(), new StringBuilder(), new StringBuilder());
        Prepare(environment, config);
        Apt(packages, config.AptPackages, config.AptStandIns);
        foreach (var phase in config.Phases)
        {
            if (InLayer.Contains(phase.Name))
                Function(commands, phase);
            else if (phase.Name == "export")
                Function(environment, phase);
        }
        return
        [
            ("the environment", environment.ToString()),
            ("the list of packages", packages.ToString()),
            ("before_install or install", commands.ToString()),
        ];
    }

    // What stands before `script`, in parts. The announcements come after what is restored: they may be of its versions.
    private static void Layered(StringBuilder script, JobConfig config)
    {
        script.Append("case $_tg_part in\ninstall | '')\n");
        Notes(script, config);
        Apt(script, config.AptPackages, config.AptStandIns);
        script.Append("_tg_prepare\nif [[ $_tg_part == install ]]; then _tg_layer_before; fi\n");
        Call(script, config, "setup", "announce", "before_install", "install");
        script.Append("if [[ $_tg_part == install ]]; then _tg_layer_end; fi\n;;\n");
        // It was all told in the part before.
        script.Append("rest)\n_tg_key=$_tg_mark_key\n_tg_mark_key=\n_tg_prepare >/dev/null\n");
        script.Append("_tg_mark_key=$_tg_key\n_tg_layer_restore\n;;\n");
        script.Append("*)\n");
        Notes(script, config);
        script.Append("_tg_prepare\n_tg_layer_restore\n_tg_layer_skips");
        if (!config.AptPackages.IsEmpty)
            script.Append(" apt");
        foreach (var name in InLayer.Where(name => config.Phases.Any(phase => phase.Name == name)))
            script.Append(' ').Append(name);
        script.Append('\n');
        Call(script, config, "announce");
        script.Append(";;\nesac\n");
        Call(script, config, "before_script");
    }

    // What every part's shell must have anew.
    private static void Prepare(StringBuilder script, JobConfig config)
    {
        script.Append("_tg_prepare() {\n");
        JobScriptAddons.Append(script, config.Addons);
        JobScriptEnv.AppendConfigured(script, config);
        JobScriptAddons.AppendAfterEnv(script, config.Addons);
        Call(script, config, "export");
        script.Append("}\n");
    }

    private static void Call(StringBuilder script, JobConfig config, params ReadOnlySpan<string> phases)
    {
        foreach (var name in phases)
        {
            if (config.Phases.Any(phase => phase.Name == name))
                script.Append("travis_run_").Append(name).Append('\n');
        }
    }
}
