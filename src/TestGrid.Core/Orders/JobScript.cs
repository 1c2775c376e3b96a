using System.Collections.Immutable;
using System.Text;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Core.Text;

namespace TestGrid.Core.Orders;

/// <summary>
/// Compiles a job to one bash script with Travis's behaviour: one shell for all phases, so <c>cd</c>, <c>export</c>
/// and functions
/// stay; a failure in <c>before_install</c>, <c>install</c> or <c>before_script</c> ends it with 2; every command of
/// <c>script</c> runs
/// and the result is remembered; the <c>after_…</c> phases change nothing. The script holds no secret: those are in
/// the process's
/// environment. It expects HOME, and the checkout at <c>$HOME/build/OWNER/REPO</c>; both may be anywhere, so it runs
/// outside a
/// sandbox too.
/// </summary>
public static partial class JobScript
{
    /// <summary>
    /// Where a sandbox shows the script. A file, not standard input: a command that reads its input would eat the
    /// rest.
    /// </summary>
    public const string MountPoint = "/opt/testgrid/job.sh";

    /// <summary>A folder that the script wants for its functions and temporary files, and makes where it is missing.</summary>
    public const string TemporaryFolder = "/home/travis/.travis/tmp";

    /// <summary>
    /// Names, separated by spaces, of the process's variables that are secrets: told in the log as <c>[secure]</c>.
    /// </summary>
    public const string SecretNamesVariable = "TESTGRID_SECRET_NAMES";

    /// <summary>
    /// The variable that names the file to which the script writes its folder, variables and functions when a command
    /// fails; without it, it writes none.
    /// </summary>
    public const string PlaceVariable = "TESTGRID_PLACE_FILE";

    /// <summary>The program to run in a sandbox.</summary>
    public static ImmutableArray<string> Argv { get; } = ["/bin/bash", MountPoint];

    private static readonly ImmutableArray<string> Asserted =
    [
        "setup",
        "before_install",
        "install",
        "before_script",
        "before_deploy",
    ];

    private static readonly ImmutableArray<string> BeforeScript =
    [
        "export",
        "setup",
        "announce",
        "before_install",
        "install",
        "before_script",
    ];

    private static readonly ImmutableArray<string> InShell = ["export", "setup", "announce"];

    private static readonly string Functions = Resource("JobScript.bash");

    /// <summary>Where a sandbox has the checkout.</summary>
    public static string FolderOf(JobOrder order) => $"/home/travis/build/{order.Repository.Slug}";

    /// <summary>The script, with line feeds and a trailing one.</summary>
    public static string Compile(JobOrder order) =>
        $"#!/bin/bash\n# Job {order.Id} of TestGrid.\n{Functions}\n{Body(order)}";

    /// <summary>What of the script is this job's own: without the functions that stand before it in every one.</summary>
    public static string Body(JobOrder order)
    {
        var config = order.Config;
        var phases = config.Phases.ToDictionary(phase => phase.Name, StringComparer.Ordinal);
        var script = new StringBuilder(8192);
        foreach (var phase in config.Phases)
            Function(script, phase);
        if (!phases.ContainsKey("script"))
            Function(script, new Phase("script", [], IsDefault: true));
        if (!phases.ContainsKey("after_failure"))
            script.Append("travis_run_after_failure() { :; }\n\n");

        if (config.AppLayer is not null)
        {
            script.Append(LayerFunctions);
            Prepare(script, config);
        }
        Begin(script, order);
        // All of it is read before any of it runs: an unclosed quote in a command can spoil bash's reading of what follows.
        script.Append("_tg_run() {\n");
        if (config.AppLayer is not null)
            Layered(script, config);
        else
            Environment(script, config, BeforeScript);
        script.Append("travis_run_script\n");
        if (phases.ContainsKey("before_cache"))
            script.Append("travis_run_before_cache\n");
        script.Append("if [[ ${TRAVIS_TEST_RESULT:-} == 0 ]]; then\n");
        script.Append(phases.ContainsKey("after_success") ? "  travis_run_after_success\n" : "  :\n");
        JobScriptDeploy.Append(script, order);
        script.Append("else\n  travis_run_after_failure\nfi\n");
        if (phases.ContainsKey("after_script"))
            script.Append("travis_run_after_script\n");
        return script.Append("travis_footer\n}\n_tg_run\n").ToString();
    }

    /// <summary>
    /// As <see cref="Compile"/>, but where <c>before_install</c> would begin it becomes an interactive shell, or runs the
    /// words that it is given.
    /// </summary>
    public static string CompileShell(JobOrder order)
    {
        var script = new StringBuilder(Functions, Functions.Length + 8192).Append('\n');
        foreach (var phase in order.Config.Phases.Where(phase => InShell.Contains(phase.Name)))
            Function(script, phase);
        Begin(script, order);
        script.Append("_tg_run() {\n");
        Environment(script, order.Config, InShell);
        // What an app layer's install left in its shell, where there is such a layer.
        if (order.Config.AppLayer is not null)
            script.Append("if [[ -r $HOME/.testgrid-installed ]]; then source \"$HOME/.testgrid-installed\"; fi\n");
        return script.Append("}\n_tg_shell \"$@\"\n").ToString();
    }

    private static void Begin(StringBuilder script, JobOrder order)
    {
        // A program of the job that sources the functions stops here.
        script.Append("if _tg_is_sourced; then return 0; fi\n");
        script.Append("_tg_begin\n_tg_write_functions\n");
        JobScriptEnv.Append(script, order);
    }

    // What there is before a job's first command, and the phases of these names.
    private static void Environment(StringBuilder script, JobConfig config, ImmutableArray<string> phases)
    {
        Notes(script, config);
        Apt(script, config.AptPackages, config.AptStandIns);
        JobScriptAddons.Append(script, config.Addons);
        JobScriptEnv.AppendConfigured(script, config);
        JobScriptAddons.AppendAfterEnv(script, config.Addons);
        Call(script, config, phases.AsSpan());
    }

    private static void Notes(StringBuilder script, JobConfig config)
    {
        foreach (var note in config.Notes)
            script.Append("printf '\\033[33;1m%s\\033[0m\\n' ").Append(Bash.Quote(note)).Append('\n');
    }

    private static void Function(StringBuilder script, Phase phase)
    {
        script.Append("travis_run_").Append(phase.Name).Append("() {\n");
        script.Append("  _tg_phase_begin ").Append(phase.Name).Append('\n');
        if (phase.Commands is ["skip" or "ignore"] && !phase.IsDefault)
            Skipped(script, phase.Name);
        else if (phase.IsDefault)
            Default(script, phase);
        else
            Commands(script, phase);
        script.Append("  _tg_phase_end\n}\n\n");
    }

    private static void Skipped(StringBuilder script, string phase)
    {
        script.Append("  echo 'Skipping the ").Append(phase).Append(" step, as specified in the configuration.'\n");
        if (phase == "script")
            script.Append("  travis_result 0\n");
    }

    // A language's own lines check themselves; of a script of theirs the last status counts, with one result for all
    // of it.
    private static void Default(StringBuilder script, Phase phase)
    {
        foreach (var source in phase.Commands)
            script.Append(source).Append('\n');
        if (phase.Name == "script")
            script.Append("  travis_result $?\n");
    }

    private static void Commands(StringBuilder script, Phase phase)
    {
        var isScript = phase.Name == "script";
        var flags = Asserted.Contains(phase.Name) ? " --assert --echo --timing" : " --echo --timing";
        for (var i = 0; i < phase.Commands.Length; i++)
        {
            var fold = phase.Commands.Length == 1 ? phase.Name : $"{phase.Name}.{i + 1}";
            if (!isScript)
                script.Append("  travis_fold start ").Append(fold).Append('\n');
            script.Append("  travis_cmd ").Append(Bash.Quote(phase.Commands[i])).Append(flags).Append('\n');
            script.Append(isScript ? "  travis_result $?\n" : $"  travis_fold end {fold}\n");
        }
    }

    // Before the configuration's variables and the language, as Travis: what they set does not reach apt.
    private static void Apt(StringBuilder script, ImmutableArray<string> packages, ImmutableArray<AptStandIn> standIns)
    {
        if (packages.IsEmpty)
            return;
        script
            .Append("_tg_phase_begin apt\ntravis_fold start apt\n")
            .Append("printf '\\033[33;1mInstalling APT Packages\\033[0m\\n'\n");

        // Travis's machines know i386 already; a bundle does not, and libc6:i386 would be no package.
        foreach (var foreign in packages.Select(ForeignArchitecture).OfType<string>().Distinct())
            Sudo(script, $"dpkg --add-architecture {Bash.Word(foreign)}", "");
        // As Travis: a list that cannot be had does not end the job, for the packages may be in those that can.
        script.Append("travis_cmd travis_apt_get_update --echo --retry --timing\n");
        const string install = "apt-get -yq --no-install-suggests --no-install-recommends install ";
        if (standIns.IsEmpty)
        {
            Sudo(script, install + string.Join(' ', packages.Select(Bash.Word)), " --retry");
        }
        else
        {
            var known = standIns.ToDictionary(one => one.Package, StringComparer.Ordinal);
            script.Append("_tg_apt_packages=()\n");
            foreach (var package in packages)
                script
                    .Append("_tg_apt_choose ")
                    .Append(Bash.Quote(package))
                    .Append(known.TryGetValue(package, out var other) ? " " + Bash.Quote(other.Instead) : "")
                    .Append('\n');
            script.Append(
                $"travis_cmd '_tg_sudo {install}\"${{_tg_apt_packages[@]}}\"' "
                    + $"--display \"sudo -E {install}${{_tg_apt_packages[*]}}\" --assert --echo --timing --retry\n"
            );
            foreach (var program in standIns.SelectMany(one => one.Programs).Distinct())
                script.Append("_tg_apt_name ").Append(Bash.Quote(program)).Append('\n');
        }
        script.Append("travis_fold end apt\n_tg_phase_end\n");
    }

    private static void Sudo(StringBuilder script, string command, string flags) =>
        script.Append(
            $"travis_cmd {Bash.Quote("_tg_sudo " + command)} --display {Bash.Quote("sudo -E " + command)}"
                + $" --assert --echo --timing{flags}\n"
        );

    private static string? ForeignArchitecture(string package) =>
        package.Split('=', '/')[0].Split(':') is [_, var named and not ("amd64" or "all" or "any" or "native")]
            ? named
            : null;

    private static string Resource(string name)
    {
        using var stream = typeof(JobScript).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
