using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using TestGrid.Cli.Machine;
using TestGrid.Core.Jobs;
using TestGrid.Server;
using TestGrid.Server.Access;
using TestGrid.Server.Planning;
using TestGrid.Server.Recording;
using TestGrid.Server.Scheduling;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Serving;

/// <summary>A server's settings: what the command line says, else <c>testgrid.json</c> and the environment.</summary>
internal static class ServerSettings
{
    /// <exception cref="ValidationException">A setting is out of its range, or they cannot be read; the message names it.</exception>
    public static ServerOptions Read(ServingSettings said)
    {
        IConfiguration set;
        try
        {
            set = LocalServices.Settings(said.DataPath, said.BundlesPath, "embedded");
        }
        catch (InvalidDataException e)
        {
            throw new ValidationException(OperatorSettings.Told(e), e);
        }
        var planning = OperatorSettings.Read<PlanningOptions>(set, "planning");
        _ = OperatorSettings.Read<JobLimitOptions>(set, "planning:limits"); // a check does not go into what is inside
        var access = OperatorSettings.Read<AccessOptions>(set, "access");
        return new ServerOptions
        {
            DataPath = said.DataPath,
            WebPath = Installation.WebPath,
            Queue = QueueChoice.Read(set, said.Queue),
            Planning = planning,
            Retention = OperatorSettings.Read<RetentionOptions>(set, "retention"),
            Scheduling = OperatorSettings.Read<SchedulingOptions>(set, "scheduling"),
            Leases = OperatorSettings.Read<LeaseOptions>(set, "leases"),
            Runners = OperatorSettings.Read<RemoteRunnerOptions>(set, "runners"),
            Access = new AccessOptions
            {
                Listen = said.Listen,
                PublicUrl = said.PublicUrl ?? access.PublicUrl,
                Hosts = [.. access.Hosts, .. said.Hosts],
                Reads = access.Reads,
                SessionTime = access.SessionTime,
                LinkTime = access.LinkTime,
            },
        };
    }
}
