using System.ComponentModel.DataAnnotations;
using TestGrid.Runner.Queues;
using TestGrid.Server.Access;
using TestGrid.Server.Planning;
using TestGrid.Server.Recording;
using TestGrid.Server.Scheduling;
using TestGrid.Server.Store;

namespace TestGrid.Server;

/// <summary>Everything an operator may set about the server. Checked before the first request.</summary>
public sealed class ServerOptions
{
    /// <summary>The data folder; null is the usual place (<see cref="Store.DataFolder.Usual()"/>).</summary>
    public string? DataPath { get; init; }

    /// <summary>The folder with the dashboard's built files; null is <c>wwwroot</c> beside the program.</summary>
    public string? WebPath { get; init; }

    public AccessOptions Access { get; init; } = new();

    public PlanningOptions Planning { get; init; } = new();

    public SchedulingOptions Scheduling { get; init; } = new();

    public QueueOptions Queue { get; init; } = new();

    public RetentionOptions Retention { get; init; } = new();

    public LeaseOptions Leases { get; init; } = new();

    public RemoteRunnerOptions Runners { get; init; } = new();

    /// <exception cref="ValidationException">A setting is out of its range; the message names it.</exception>
    public void Validate()
    {
        CheckUrl(Access.Listen, "Listen", "http://127.0.0.1:8080");
        if (Access.PublicUrl is { Length: > 0 } url)
            CheckUrl(url, "PublicUrl", "https://ci.example.org");
        foreach (var part in new object[] { Planning, Scheduling, Retention, Leases })
            Validator.ValidateObject(part, new ValidationContext(part), validateAllProperties: true);
    }

    private static void CheckUrl(string value, string name, string example)
    {
        var valid =
            Uri.TryCreate(value, UriKind.Absolute, out var uri)
            && uri.Scheme is ("http" or "https")
            && uri.PathAndQuery == "/";
        if (!valid)
            throw new ValidationException(
                $"{name} '{value}' is not an address such as {example}; it starts with http:// or https:// and has no path."
            );
    }
}
