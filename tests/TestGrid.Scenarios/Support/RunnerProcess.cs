namespace TestGrid.Scenarios.Support;

/// <summary>A runner in a process of its own, with a folder of its own, connected to a server.</summary>
internal static class RunnerProcess
{
    /// <summary>Starts it; returns when it says that it is connected.</summary>
    public static Task<ProgramProcess> StartAsync(
        TestGridProcess server,
        string name,
        string data,
        CancellationToken stop,
        params string[] more
    ) => StartOnAsync(null, server, name, data, stop, more);

    public static async Task<ProgramProcess> StartOnAsync(
        TestHost? host,
        TestGridProcess server,
        string name,
        string data,
        CancellationToken stop,
        params string[] more
    )
    {
        var token = Path.Combine(data, "runner-token");
        if (!File.Exists(token))
        {
            var made = await server.PostAsync("/api/v1/runner-tokens", new { name }, stop);
            await File.WriteAllTextAsync(token, made.Text("token"), stop);
        }
        var runner = ProgramProcess.StartOn(
            host,
            [
                "runner",
                "--server",
                server.Url.ToString(),
                "--token-file",
                token,
                "--name",
                name,
                "--slots",
                "1",
                "--data",
                data,
                .. more.Contains("--bundles")
                    ? []
                    : (string[])["--bundles", Path.Combine(SourcePackage.Cache, "bundles")],
                .. more,
            ]
        );
        await runner.SaysAsync("is connected to", stop);
        return runner;
    }
}
