package payouttest_test
import ("testing";"strings";"github.com/cointill/cointill/payout/payouttest";"os";"strconv")
func TestTmpStory(t *testing.T){
 n,_:=strconv.ParseUint(os.Getenv("W"),10,64)
 f,story:=payouttest.Play(t,inMemory(),n)
 os.WriteFile("/tmp/wt/story.txt",[]byte(f+"\n"+strings.Join(story,"\n")),0o600)
}
