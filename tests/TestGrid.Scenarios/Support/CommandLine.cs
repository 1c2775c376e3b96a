using System.Diagnostics;

namespace TestGrid.Scenarios.Support;

/// <summary>What a call of the program printed, and how it exited.</summary>
internal sealed record Called(int ExitCode, string Output, string Errors);

/// <summary>The program, called once.</summary>
internal static class CommandLine
{
    private static string Program => Path.Combine(AppContext.BaseDirectory, "testgrid.dll");

    public static async Task<Called> CallAsync(
        string folder,
        IReadOnlyDictionary<string, string> environment,
        string input,
        IEnumerable<string> arguments,
        CancellationToken stop
    ) => await CallAsync(folder, environment, input, "dotnet", [Program, .. arguments], stop);

    /// <summary>The same as words for a shell, for a program that calls it.</summary>
    public static string Words(params string[] arguments) => string.Join(' ', ["dotnet", Program, .. arguments]);

    /// <summary>Another program that calls it, with the same data.</summary>
    public static async Task<Called> CallAsync(
        string folder,
        IReadOnlyDictionary<string, string> environment,
        string input,
        string program,
        IEnumerable<string> arguments,
        CancellationToken stop
    )
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["TESTGRID_DATA"] = Path.Combine(folder, "data");
        start.Environment["TESTGRID_BUNDLES__ROOTPATH"] = Path.Combine(SourcePackage.Cache, "bundles");
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync(stop);
        var output = await process.StandardOutput.ReadToEndAsync(stop);
        await process.WaitForExitAsync(stop);
        return new Called(process.ExitCode, output, await errors);
    }
}
