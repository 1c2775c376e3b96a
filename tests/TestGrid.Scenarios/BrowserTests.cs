using Microsoft.Playwright;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>From a push to a pixel: the real program, a real browser, a person's way through the pages.</summary>
public sealed class BrowserTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_person_signs_in_watches_a_build_and_its_log_live_and_ends_a_job()
    {
        using var source = new TempFolder();
        using var repository = new GitRepository(source.Path).Write(
            ".testgrid.yml",
            """
            env:
              - MODE=fast
              - MODE=slow
            script:
              - printf '\e[32mgreen words\e[0m\n'
              - if [ "$MODE" = slow ]; then echo waiting; sleep 600; fi
              - sleep 0.2
            """
        );
        repository.Commit("Make it faster");
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await Chromium.LaunchAsync(playwright);
        var page = await browser.NewPageAsync();
        page.SetDefaultTimeout(60_000);
        var errors = new List<string>();
        page.PageError += (_, error) => errors.Add(error);
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
                errors.Add(message.Text);
        };

        var link = await shared.Server.PostAsync("/api/v1/sign-in-links", new { }, Stop);
        await page.GotoAsync(link.Text("url")!);
        await page.GetByText("signed in").First.WaitForAsync();
        var secret = await shared.Server.RegisterAsync(repository.Folder, "browser/live", Stop);
        var build = await shared.Server.PushAsync(repository, "browser/live", secret, Stop);

        // The list shows it without being asked again.
        await page.GetByRole(AriaRole.Link, new() { Name = "Make it faster" }).First.ClickAsync();
        await page.GetByRole(AriaRole.Heading, new() { Name = "Make it faster" }).WaitForAsync();
        await page.Locator("table").GetByText("passed").WaitForAsync();
        await page.Locator("table").GetByText("running").WaitForAsync();
        await Chromium.SaveAsync(page, "build-running");

        await page.GotoAsync($"{shared.Server.Url}jobs/{build}.2");
        await page.GetByText("waiting", new() { Exact = true }).First.WaitForAsync();
        await page.GetByText("green words", new() { Exact = true }).First.WaitForAsync();
        await Chromium.SaveAsync(page, "job-running");
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await page.GetByText("cancelled").First.WaitForAsync();
        await Chromium.SaveAsync(page, "job-cancelled");
        // What a command used stands beside its time.
        await page.GotoAsync($"{shared.Server.Url}jobs/{build}.1");
        await page.Locator(".row .use").GetByText(" cpu").First.WaitForAsync();
        await Chromium.SaveAsync(page, "job-passed");

        var ended = await shared.Server.FinishedAsync(build, Stop);
        Assert.Equal("cancelled", ended.GetProperty("jobs")[1].Text("state"));
        Assert.Equal("passed", ended.GetProperty("jobs")[0].Text("state"));
        Assert.Empty(errors);
    }

    [Fact]
    public async Task Every_page_opens_in_light_and_dark_without_an_error()
    {
        using var source = new TempFolder();
        using var repository = new GitRepository(source.Path).Write(".testgrid.yml", "script: exit 3\n");
        repository.Commit("Break it");
        var secret = await shared.Server.RegisterAsync(repository.Folder, "browser/pages", Stop);
        var build = await shared.Server.PushAsync(repository, "browser/pages", secret, Stop);
        await shared.Server.FinishedAsync(build, Stop);
        var id = (await shared.Server.GetAsync("/api/v1/repositories", Stop))
            .EnumerateArray()
            .First(one => one.Text("slug") == "browser/pages")
            .GetProperty("id")
            .GetInt64();
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await Chromium.LaunchAsync(playwright);

        foreach (var scheme in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            var page = await browser.NewPageAsync(new() { ColorScheme = scheme });
            page.SetDefaultTimeout(60_000);
            var errors = new List<string>();
            page.PageError += (_, error) => errors.Add(error);
            await page.GotoAsync((await shared.Server.PostAsync("/api/v1/sign-in-links", new { }, Stop)).Text("url")!);
            foreach (
                var (name, path, words) in new[]
                {
                    ("builds", "", "Break it"),
                    ("build", $"builds/{build}", "failed"),
                    ("job", $"jobs/{build}.1", "exited with 3"),
                    ("repositories", "repositories", "browser/pages"),
                    ("repository", $"repositories/{id}", "hooks/r/"),
                    ("runners", "runners", "in the server's own process"),
                }
            )
            {
                await page.GotoAsync($"{shared.Server.Url}{path}");
                await page.GetByText(words).First.WaitForAsync();
                Assert.Equal(1, await page.Locator("h1").CountAsync());
                await Chromium.SaveAsync(page, $"{name}-{scheme}");
            }
            Assert.Empty(errors);
        }
    }
}
