using System.Collections.Immutable;
using System.IO.Pipelines;
using Microsoft.Extensions.Logging;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>A container of a sandbox: what is seen in it, its id, and what tells its use.</summary>
internal sealed record DockerPart(SandboxSpec Spec, string Container, DockerUse Use);

/// <summary>One container for commands, and one for each service, on one network.</summary>
internal sealed partial class DockerSandbox(
    DockerPart job,
    ImmutableDictionary<string, DockerPart> services,
    DockerPieces pieces,
    DockerTools tools
) : OrderlySandbox(job.Spec.Name)
{
    protected override Task<SandboxExit> RunOneAsync(
        SandboxCommand command,
        PipeWriter output,
        CancellationToken polite
    ) => In(job).RunAsync(command, output, polite);

    protected override Task<SandboxExit> ServeOneAsync(string service, SandboxCommand command, PipeWriter output) =>
        In(services[service]).RunAsync(command, output, CancellationToken.None);

    public override SandboxGlance Glance() => job.Use.Glance();

    protected override async Task EndAsync(Task running)
    {
        try
        {
            await pieces.EndAsync();
            await Task.WhenAny(running); // it ends with the container, and still asks how
            await pieces.RemoveAsync();
        }
        catch (Exception e)
        {
            // What is left is labelled, and the next start of a runner sweeps it.
            NotRemoved(tools.Log, e, job.Spec.Name);
        }
    }

    private DockerContainer In(DockerPart part) => new(part.Spec, part.Container, part.Use, tools, Ended);

    [LoggerMessage(LogLevel.Error, "Sandbox {Sandbox} is not wholly removed; the next start sweeps it")]
    private static partial void NotRemoved(ILogger log, Exception cause, string sandbox);
}
