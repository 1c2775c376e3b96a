using System.Diagnostics;
using System.Text.Json;
using NJsonSchema;
using TestGrid.Runner.Facts;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Facts;

public sealed class FactsTests : IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_host_tells_what_it_gives_and_of_variables_the_names_only()
    {
        const string name = "TESTGRID_TEST_FACTS_VARIABLE";
        var value = Path.GetRandomFileName();
        Environment.SetEnvironmentVariable(name, value);
        try
        {
            var text = FactsReader.OfHost();

            await AssertIsFactsAsync(text);
            Assert.DoesNotContain(value, text, StringComparison.Ordinal);
            var facts = JsonDocument.Parse(text).RootElement;
            Assert.Contains(
                name,
                facts.GetProperty("host").GetProperty("environment").EnumerateArray().Select(one => one.GetString())
            );
            Assert.NotEmpty(facts.GetProperty("packages").EnumerateObject());
            Assert.StartsWith(
                "/",
                facts.GetProperty("libraries").GetProperty("libc.so.6").GetString(),
                StringComparison.Ordinal
            );
            Assert.Matches(
                "^[0-9]+ [0-9]+$",
                facts.GetProperty("host").GetProperty("limits").GetProperty("Max open files").GetString()
            );
        }
        finally
        {
            Environment.SetEnvironmentVariable(name, null);
        }
    }

    [Fact]
    public async Task The_script_tells_the_same_of_this_machine_as_the_program()
    {
        var value = Path.GetRandomFileName();
        var (code, text) = await RunScriptAsync(("SECRET", value + "\nPATH_OF_MINE=" + value));
        using var ours = JsonDocument.Parse(FactsReader.OfHost());
        using var theirs = JsonDocument.Parse(text);

        Assert.Equal(0, code);
        await AssertIsFactsAsync(text);
        Assert.DoesNotContain(value, text, StringComparison.Ordinal);
        Assert.DoesNotContain("PATH_OF_MINE", text, StringComparison.Ordinal);
        foreach (var field in theirs.RootElement.EnumerateObject().Where(field => field.Name != "host"))
            Assert.Equal(Sorted(ours.RootElement.GetProperty(field.Name)), Sorted(field.Value));
        var (host, told) = (ours.RootElement.GetProperty("host"), theirs.RootElement.GetProperty("host"));
        foreach (var field in told.EnumerateObject().Where(field => field.Name != "environment"))
            Assert.Equal(Sorted(host.GetProperty(field.Name)), Sorted(field.Value));
        Assert.Contains("SECRET", told.GetProperty("environment").EnumerateArray().Select(one => one.GetString()));
    }

    [Fact]
    public async Task A_root_is_read_by_its_files_whatever_stands_in_them_and_no_link_leads_out()
    {
        Write("etc/os-release", "ID=odd\nPRETTY_NAME=\"Odd \\\" one\\\\\"\nVERSION_ID='1'\n");
        Write("var/lib/dpkg/arch", "amd64\ni386\n");
        Write(
            "var/lib/dpkg/status",
            "Package: a\nStatus: install ok installed\nVersion: 1:2-3\nArchitecture: all\n\n"
                + "Package: b\nStatus: install ok installed\nVersion: 4\nArchitecture: i386\n\n"
                + "Package: gone\nStatus: deinstall ok config-files\nVersion: 5\nArchitecture: amd64\n"
        );
        Write("usr/lib/python3/dist-packages/requests-2.28.1.dist-info/METADATA", "");
        Write("opt/node-22/lib/node_modules/npm/package.json", """{"name":"npm","version":"10.9.0"}""");
        Write("opt/node-22/lib/node_modules/@types/node/package.json", """{"version":"22.1.0"}""");
        Write("opt/node-22/lib/node_modules/broken/package.json", "{");
        Write("usr/share/rubygems-integration/all/specifications/rake-13.0.6.gemspec", "");
        Write("usr/lib/x86_64-linux-gnu/libz.so.1.2.13", "");
        Write("usr/bin/python3.11", "#!/bin/sh\ntouch /tmp/was-run\n");
        Link("usr/lib/x86_64-linux-gnu/libz.so.1", "libz.so.1.2.13");
        Link("usr/bin/python3", "/usr/bin/python3.11"); // absolute, and inside all the same
        Link("etc/passwd", "/../../../../../../../../etc/hostname");
        Link("etc/profile", "/proc/self/environ");
        Process.Start("mkfifo", [Path.Combine(folder.Path, "etc/environment")])!.WaitForExit();

        var text = FactsReader.OfRoot(folder.Path);

        await AssertIsFactsAsync(text);
        var facts = JsonDocument.Parse(text).RootElement;
        Assert.Equal("odd", facts.GetProperty("os").GetProperty("id").GetString());
        Assert.Equal("1", facts.GetProperty("os").GetProperty("version_id").GetString());
        Assert.Equal("""{"a":"1:2-3","b:i386":"4"}""", Sorted(facts.GetProperty("packages")));
        Assert.Equal("/usr/bin/python3.11", facts.GetProperty("programs").GetProperty("python3").GetString());
        Assert.Equal(
            "/usr/lib/x86_64-linux-gnu/libz.so.1.2.13",
            facts.GetProperty("libraries").GetProperty("libz.so.1").GetString()
        );
        Assert.Empty(facts.GetProperty("users").EnumerateObject());
        Assert.Empty(facts.GetProperty("config").EnumerateObject());
        Assert.Equal(
            [
                """npm /opt/node-22/lib/node_modules {"@types/node":"22.1.0","npm":"10.9.0"}""",
                """python /usr/lib/python3/dist-packages {"requests":"2.28.1"}""",
                """gem /usr/share/rubygems-integration/all/specifications {"rake":"13.0.6"}""",
            ],
            facts
                .GetProperty("languagePackages")
                .EnumerateArray()
                .Select(one =>
                    $"{one.GetProperty("kind")} {one.GetProperty("folder")} {Sorted(one.GetProperty("packages"))}"
                )
        );
        Assert.False(facts.TryGetProperty("host", out _));
        Assert.Equal(text, FactsReader.OfRoot(folder.Path));
    }

    [Fact]
    public async Task A_bundle_has_its_facts_with_its_digest()
    {
        using var lease = await TestBundles.BaseAsync(Stop);

        var text = TestBundles.Store.FactsOf(lease.Bundle.Digest)!;

        await AssertIsFactsAsync(text);
        var facts = JsonDocument.Parse(text).RootElement;
        Assert.Equal(lease.Bundle.Digest.ToString(), facts.GetProperty("bundle").GetProperty("digest").GetString());
        Assert.Equal("bookworm", facts.GetProperty("os").GetProperty("version_codename").GetString());
        Assert.Equal(
            TestBundles.Store.RecordOf(lease.Bundle.Digest)!.Packages.Length,
            facts.GetProperty("packages").EnumerateObject().Count()
        );
        Assert.Equal("2000", facts.GetProperty("users").GetProperty("travis").GetString());
    }

    public void Dispose() => folder.Dispose();

    private static async Task AssertIsFactsAsync(string text)
    {
        var schema = await JsonSchema.FromFileAsync(
            Path.Combine(Corpora.RepositoryRoot, "ci-config-schema", "facts.schema.json"),
            Stop
        );
        Assert.Empty(schema.Validate(text));
    }

    private static string Sorted(JsonElement element) =>
        element.ValueKind is JsonValueKind.Object
            ? "{"
                + string.Join(
                    ",",
                    element
                        .EnumerateObject()
                        .OrderBy(field => field.Name, StringComparer.Ordinal)
                        .Select(field => $"\"{field.Name}\":{Sorted(field.Value)}")
                )
                + "}"
            : element.GetRawText();

    private static async Task<(int Code, string Said)> RunScriptAsync((string Name, string Value) variable)
    {
        var start = new ProcessStartInfo("dash", ["-s"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment[variable.Name] = variable.Value;
        using var process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEndAsync(Stop);
        await process.StandardInput.WriteAsync(FactsScript.Text.AsMemory(), Stop);
        process.StandardInput.Close();
        await process.WaitForExitAsync(Stop);
        return (process.ExitCode, await said);
    }

    private void Write(string path, string text)
    {
        var at = Path.Combine(folder.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(at)!);
        File.WriteAllText(at, text);
    }

    private void Link(string path, string target)
    {
        var at = Path.Combine(folder.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(at)!);
        File.CreateSymbolicLink(at, target);
    }
}
