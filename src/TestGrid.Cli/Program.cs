using System.CommandLine;
using System.CommandLine.Invocation;
using TestGrid.Cli.Api;
using TestGrid.Cli.Commands;
using TestGrid.Cli.Exits;
using TestGrid.Runner.Bundles;

var root = new RootCommand(
    """
    testgrid — a self-hosted CI test runner: every commit is tested in a fresh sandbox made from a bundle.

      testgrid up          try it: server, runner, a sample repository, its first build
      testgrid run         run this work tree's matrix here, in the same bundles, without a server
      testgrid shell       look around in a fresh sandbox, as one of its jobs would get it
      testgrid config matrix   the jobs that would run, before you push
    """
)
{
    UpCommand.Create(),
    RunCommand.Create(),
    ShellCommand.Create(),
    ConfigCommand.Create(),
    BuildCommand.Create(),
    JobCommand.Create(),
    RepoCommand.Create(),
    SecretCommand.Create(),
    TokenCommand.Create(),
    AuditCommand.Create(),
    SigninCommand.Create(),
    BundleCommand.Create(),
    PoolCommand.Create(),
    StoreCommand.Create(),
    DoctorCommand.Create(),
    HealthCommand.Create(),
    FactsCommand.Create(),
    ServerCommand.Create(),
    RunnerCommand.Create(),
    CompletionCommand.Create(),
};
foreach (var option in Connection.Options)
    root.Add(option);

var parsed = root.Parse(args);
if (parsed.Errors.Count > 0 && parsed.Action is ParseErrorAction)
{
    await parsed.InvokeAsync();
    return ExitCodes.Usage;
}

try
{
    return await parsed.InvokeAsync(
        // The jobs of `run` and `up` have their own grace; the default of two seconds would cut it short.
        new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = TimeSpan.FromMinutes(1),
        }
    );
}
catch (CommandException failure)
{
    Console.Error.WriteLine($"error: {failure.Message}");
    return failure.ExitCode;
}
catch (BundleException failure)
{
    Console.Error.WriteLine($"error: {failure.Message}");
    return ExitCodes.Broken;
}
catch (OperationCanceledException)
{
    return ExitCodes.Interrupted;
}
